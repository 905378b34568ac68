"""Measures a command and all processes that it starts: its lines with their times, its CPU time and its memory.

Each measured command gets a process of its own, this file run as a program. It adopts the orphans among the
command's descendants, so the kernel counts all their CPU time, however they end; and it takes them down with it.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

# The seconds between two looks at the memory. It is the sum of the processes' own high-water marks, so nothing between
# two looks is missed.
SAMPLE_SECONDS = 0.1
# The number of looks after which a process counts: while it is being started, it seems to have its parent's memory.
GROWN_UP = 5
SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)


@dataclass
class Line:
    """A line of standard output; `at` is the seconds since the command was started."""

    at: float
    text: str


@dataclass
class Run:
    """What a command has done; `cpu` is in seconds, `memory` in bytes."""

    lines: list = field(default_factory=list)
    code: int = -1
    cpu: float = 0.0
    memory: int = 0
    errors: str = ""


class Measured:
    """A command that runs on these cores for at most this many seconds. Iterating over it yields its lines."""

    def __init__(self, command, environment, cores, log, seconds):
        self.run = Run()
        self._log = log
        with open(log, "wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, __file__, ",".join(map(str, cores)), *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._watchdog = threading.Timer(seconds, self._process.terminate)
        self._watchdog.start()

    def __iter__(self):
        for message in map(json.loads, self._process.stdout):
            if "text" in message:
                line = Line(message["at"], message["text"])
                self.run.lines.append(line)
                yield line
            else:
                self.run.code, self.run.cpu = message["code"], message["cpu"]
                self.run.memory = message["memory"]

    def stop(self):
        """Asks the command to end; its last lines still come."""
        self._process.send_signal(signal.SIGINT)

    def finish(self):
        """Waits for the end of the command, and returns what it has done."""
        for _line in self:
            pass
        self._process.wait()
        with open(self._log, encoding="utf-8", errors="replace") as errors:
            self.run.errors = errors.read()
        return self.run

    def kill(self):
        """Kills the command and all that it has started. Does nothing once it has ended."""
        self._watchdog.cancel()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def descendants(root):
    """Returns the ids of all processes below this one."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = int(stat.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, pending = [], [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def high_water(process):
    """Returns the most memory that a process has had, in bytes."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def main(cores, command):
    """Runs the command, and writes a JSON object for each of its lines and one for its end."""
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    kernel.prctl(SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    peak, over = 0, threading.Event()

    def sample():
        nonlocal peak
        seen = Counter()
        while not over.wait(SAMPLE_SECONDS):
            alive = descendants(os.getpid())
            seen.update(alive)
            peak = max(peak, sum(high_water(process) for process in alive if seen[process] >= GROWN_UP))

    def take_down(*_signal):
        for process in descendants(os.getpid()):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os._exit(1)

    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    signal.signal(signal.SIGTERM, take_down)
    signal.signal(signal.SIGINT, lambda *_signal: child.send_signal(signal.SIGINT))
    sampler = threading.Thread(target=sample)
    sampler.start()
    for line in child.stdout:
        at = time.monotonic() - began
        print(json.dumps({"at": at, "text": line.decode().rstrip("\n")}), flush=True)
    code = child.wait()
    over.set()
    sampler.join()
    for process in descendants(os.getpid()):
        os.kill(process, signal.SIGKILL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The kernel also knows the memory of the largest single process, in kilobytes: exactly, however short its life was.
    peak = max(peak, used.ru_maxrss * 1024)
    print(json.dumps({"code": code, "cpu": used.ru_utime + used.ru_stime, "memory": peak}), flush=True)


if __name__ == "__main__":
    main({int(core) for core in sys.argv[1].split(",")}, sys.argv[2:])
