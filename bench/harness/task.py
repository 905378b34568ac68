"""Defines the tasks that engines are given, and checks the answers.

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

# How many bursts of records come to a query that goes on.
BURSTS = 100


@dataclass(frozen=True)
class Task:
    """A task of one `kind`. `totals` asks for the totals by brand of a whole topic. `live` asks for the same of a small
    topic that grows by bursts of `burst` records. `groups` reads a whole topic, `batch` records at a time, into 65,536
    times as many groups as `modulus`, and asks for the `largest` ones. `updates` has as many groups of a topic that
    grows, and asks for the groups that change; of these only groups are shown whose id's prefix is below `SHOWN_BELOW`.
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
        """Returns whether records come to the topic while the query runs."""
        return self.burst > 0

    @property
    def added(self):
        """Returns how many records come to the topic in all while the query runs."""
        return BURSTS * self.burst


class Wrong(Exception):
    """An engine's answer is wrong, or there is none."""


def objects(lines):
    """Yields the JSON objects among the lines, each with its time."""
    for line in lines:
        if line.text.startswith("{"):
            yield line.at, json.loads(line.text, parse_float=Decimal)


def answered(task, lines, expected):
    """Returns when the answer came, in seconds. For a live query this is the first answer, which must count all records
    that were there; for other tasks it is the last one. Raises Wrong unless the last answer is right.
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
    """Returns the milliseconds from trigger to result that the engine itself reports, for each whole batch but the
    first. If records come while the query runs, these are the batches that have some of them.
    """
    batches = _added_batches(task, lines) if task.grows else _whole_batches(task, lines)[1:]
    return [float(progress["durationMs"]["triggerExecution"]) for _at, progress in batches]


def between_results(task, lines):
    """Returns the seconds from each whole batch's result to the next one's."""
    times = [at for at, _progress in _whole_batches(task, lines)]
    return [later - earlier for earlier, later in pairwise(times)]


def _whole_batches(task, lines):
    """Returns the whole batches: when each one's result came, and its progress. A few records of a large batch may come
    in a batch of their own, which is left out.
    """
    found = list(objects(lines))
    results = [at for at, one in found if "result" in one]
    progresses = [one for _at, one in found if "numInputRows" in one]
    fewest = task.batch * 0.9 if task.kind == "groups" else 1
    return [(at, progress) for at, progress in zip(results, progresses) if progress["numInputRows"] >= fewest]


def _added_batches(task, lines):
    """Returns the batches that have records which came after the start."""
    batches = _whole_batches(task, lines)
    counts = accumulate(progress["numInputRows"] for _at, progress in batches)
    return [batch for batch, counted in zip(batches, counts) if counted > task.records]


def _counted_at(task, lines):
    """Returns when all records had been read that were there at the start."""
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
    """Checks every value of every brand. The average may lack its last digit, since some engines cut it off."""
    found = {row["card_brand"]: row for row in rows}
    if found.keys() != expected.keys():
        raise Wrong(f"the brands are {sorted(found)}")
    for brand, values in expected.items():
        for column, value in values.items():
            difference = abs(Decimal(str(found[brand][column])) - value)
            if difference > (AVERAGE if column == "average" else 0):
                raise Wrong(f"{column} of {brand} is {found[brand][column]}, not {value}")


def _check_updates(found, groups, shown):
    """Checks the newest row of each group that was ever shown, and how many groups the state has in the end."""
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
    """Checks the largest groups and their order."""
    found = [
        (row["prefix"], int(row["remainder"]), int(row["transactions"]), Decimal(str(row["total"]))) for row in rows
    ]
    if found != expected:
        raise Wrong(f"the largest groups are {found[:1]}…, not {expected[:1]}…")
