"""Lets engines take turns, round after round, so that whatever else the machine does affects all of them."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from harness import task as tasks
from harness.brokers import last_line
from harness.expected import shown_groups, totals
from harness.measure import Measured
from harness.task import Wrong

# How many seconds an engine may take; one that takes longer has failed.
LONGEST = 1800


@dataclass
class Result:
    """What an engine has shown in a task. `walls`, `cpus` and `memories` have a number for each run, in seconds,
    seconds and bytes. `batches` has the milliseconds from trigger to result of each batch, and `intervals` the seconds
    from the result before to its own.
    """

    walls: list = field(default_factory=list)
    cpus: list = field(default_factory=list)
    memories: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    intervals: list = field(default_factory=list)
    groups: int = 0
    failed: str = ""

    def wall(self):
        """Returns the median seconds from the start of the process to the answer."""
        return median(self.walls)

    def cpu(self):
        """Returns the median CPU seconds of all processes, to their end."""
        return median(self.cpus)

    def memory(self):
        """Returns the median of the most bytes that all processes together had."""
        return median(self.memories)


class Rounds:
    """Gives tasks to engines on a cluster. The attribute `results` has the results by task and engine."""

    def __init__(self, brokers, folder, cores, say):
        self._brokers = brokers
        self._folder = folder
        self._cores = cores
        self._say = say
        self._runs = 0
        self.results = {}

    def take(self, task, engines, rounds, expected=None):
        """Gives the task once a round to each engine that can do it."""
        results = self.results.setdefault(task, {engine: Result() for engine in engines})
        able = [engine for engine in engines if task.kind in engine.tasks]
        for number in range(1, rounds + 1):
            # Each round has another order, so that no engine always has the same place or the same predecessor.
            Random(number).shuffle(able)
            for engine in able:
                result = results[engine]
                if result.failed:
                    continue
                try:
                    self._run(task, engine, result, expected)
                    told = f"{result.walls[-1]:.2f} s"
                except Wrong as wrong:
                    result.failed = told = str(wrong)
                self._say(f"{task}, round {number} of {rounds}, {engine.title}: {told}")

    def _run(self, task, engine, result, expected):
        self._runs += 1
        if task.grows:
            task = replace(task, topic=f"{task.topic}-{self._runs}")
            self._brokers.load(task.topic, task.records)
        scratch = self._folder / f"run-{self._runs}"
        scratch.mkdir(parents=True)
        command, environment = engine.command(task, self._brokers.servers, scratch)
        log = scratch / "log"
        measured = Measured([str(word) for word in command], environment, self._cores, log, LONGEST)
        try:
            if task.grows:
                self._add_bursts(task, measured, f"{engine.pause}ms")
            run = measured.finish()
        finally:
            measured.kill()
        if run.code != 0:
            raise Wrong(f"it ended with {run.code}: {last_line(run.errors)}")
        if task.kind == "live":
            expected, _bytes = totals(self._brokers, task.topic, task.records + task.added)
        if task.kind == "updates":
            expected = shown_groups(self._brokers, task)
            result.groups = expected[0]
        result.walls.append(tasks.answered(task, run.lines, expected))
        result.batches += tasks.batch_durations(task, run.lines)
        result.intervals += tasks.between_results(task, run.lines)
        result.cpus.append(run.cpu)
        result.memories.append(run.memory)
        shutil.rmtree(scratch)

    def _add_bursts(self, task, measured, between):
        """Lets a query count the records that are there, then adds bursts with the time `between` them, and stops the
        query when it has counted all.
        """
        burst = {"BURST_MIN": str(task.burst), "BURST_MAX": str(task.burst)}
        pause = {"PAUSE_MIN": between, "PAUSE_MAX": between}
        counted, adding = 0, None
        with ThreadPoolExecutor(1) as producer:
            for line in measured:
                for _at, found in tasks.objects([line]):
                    counted += found.get("numInputRows", 0)
                    if counted >= task.records and not adding:
                        adding = producer.submit(
                            self._brokers.load, task.topic, task.added, RATE="", **burst, **pause
                        )
                if counted >= task.records + task.added:
                    measured.stop()
                    break
            if adding:
                adding.result()
