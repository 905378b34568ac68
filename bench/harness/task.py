"""What engines are given to do, and whether they did it right.

An engine prints JSON objects, a line each, of which these fields are read:

    result           rows so far, with the columns of the query; decimals as numbers or in quotes
    numInputRows     how many records a batch has read
    stateOperators   after a batch; `numRowsTotal` of the first is how many groups are kept
    durationMs       of a batch; `triggerExecution` in it is from its trigger to its result
    records          how many records the read-only limit has read
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise

from harness.expected import AVERAGE

# How often records come to a query that goes on.
BURSTS = 100


@dataclass(frozen=True)
class Task:
    """`totals`: the totals by brand of a whole topic. `live`: the same of a small topic that grows by bursts of
    `burst` records. `groups`: of a whole topic, `batch` records at a time, with 65,536 times as many groups as
    `modulus`; the `largest` are asked for. `updates`: as many groups, of a topic that grows; those that change are
    asked for, and those of them shown whose id's prefix is below `SHOWN_BELOW`.
    """

    kind: str
    topic: str
    records: int
    modulus: int = 0
    largest: int = 20
    batch: int = 500_000
    burst: int = 0

    def __str__(self):
        return f"{self.kind} by a remainder of {self.modulus}" if self.modulus else self.kind

    @property
    def grows(self):
        """Whether records come to it while it runs."""
        return self.burst > 0

    @property
    def added(self):
        """How many records come in all."""
        return BURSTS * self.burst


class Wrong(Exception):
    """An engine's answer is not the right one, or is none."""


def objects(lines):
    """The JSON objects among the lines, each with its time."""
    for line in lines:
        if line.text.startswith("{"):
            yield line.at, json.loads(line.text, parse_float=Decimal)


def answered(task, lines, expected):
    """When the answer came, in seconds: a live query's first, which must count all that was there, or else the last.
    The last must be right.
    """
    answers = [(at, found) for at, found in objects(lines) if "result" in found or "records" in found]
    if not answers:
        raise Wrong("no result")
    at, answer = answers[-1]
    if task.kind == "updates":
        _check_updates([found for _at, found in objects(lines)], *expected)
        return _counted_at(task, lines)
    if "records" in answer:
        _check_count(answer["records"], task)
    elif task.kind == "groups":
        _check_groups(answer["result"], expected)
    else:
        _check_totals(answer["result"], expected)
    if task.kind == "live":
        at, answer = answers[0]
        _check_count(sum(row["transactions"] for row in answer["result"]), task)
    return at


def batch_durations(task, lines):
    """From trigger to result, in milliseconds, as the engine itself tells: each whole batch but the first; where
    records come while it runs, each batch with some of these.
    """
    batches = _added_batches(task, lines) if task.grows else _whole_batches(task, lines)[1:]
    return [float(progress["durationMs"]["triggerExecution"]) for _at, progress in batches]


def between_results(task, lines):
    """From a whole batch's result to that of the next one, in seconds."""
    times = [at for at, _progress in _whole_batches(task, lines)]
    return [later - earlier for earlier, later in pairwise(times)]


def _whole_batches(task, lines):
    """When each one's result came, and its progress. Of a large batch, a few records may come in one of their own."""
    found = list(objects(lines))
    results = [at for at, one in found if "result" in one]
    progresses = [one for _at, one in found if "numInputRows" in one]
    fewest = task.batch * 0.9 if task.kind == "groups" else 1
    return [(at, progress) for at, progress in zip(results, progresses) if progress["numInputRows"] >= fewest]


def _added_batches(task, lines):
    """Those behind the one that came to the end of what was there at the start."""
    batches = _whole_batches(task, lines)
    counts = accumulate(progress["numInputRows"] for _at, progress in batches)
    return [batch for batch, counted in zip(batches, counts) if counted > task.records]


def _counted_at(task, lines):
    """When all that was there at the start had been read."""
    counted = 0
    for at, found in objects(lines):
        counted += found.get("numInputRows", 0)
        if counted >= task.records:
            return at
    raise Wrong(f"{counted} records, not {task.records}")


def _check_count(found, task):
    if found != task.records:
        raise Wrong(f"{found} records, not {task.records}")


def _check_totals(rows, expected):
    """Every brand with every value; of the average the last digit may be cut off, as some engines do."""
    found = {row["card_brand"]: row for row in rows}
    if found.keys() != expected.keys():
        raise Wrong(f"the brands are {sorted(found)}")
    for brand, values in expected.items():
        for column, value in values.items():
            difference = abs(Decimal(str(found[brand][column])) - value)
            if difference > (AVERAGE if column == "average" else 0):
                raise Wrong(f"{column} of {brand} is {found[brand][column]}, not {value}")


def _check_updates(found, groups, shown):
    """The newest row of each group that was ever shown, and how many groups are kept in the end."""
    newest, kept = {}, 0
    for one in found:
        for row in one.get("result", []):
            key = (row["prefix"], int(row["remainder"]))
            newest[key] = (int(row["transactions"]), Decimal(str(row["total"])))
        if "stateOperators" in one:
            kept = one["stateOperators"][0]["numRowsTotal"]
    if newest != shown:
        raise Wrong(f"{len(newest)} groups were shown, {len(shown)} are right, not all of them alike")
    if kept != groups:
        raise Wrong(f"{kept} groups are kept, not {groups}")


def _check_groups(rows, expected):
    """The largest groups, in their order."""
    found = [
        (row["prefix"], int(row["remainder"]), int(row["transactions"]), Decimal(str(row["total"]))) for row in rows
    ]
    if found != expected:
        raise Wrong(f"the largest groups are {found[:1]}…, not {expected[:1]}…")
