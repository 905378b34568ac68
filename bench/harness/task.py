"""What engines are given to do, and whether they did it right.

An engine prints JSON objects, a line each, of which these fields are read:

    result           rows so far, with the columns of the query; decimals as numbers or in quotes
    numInputRows     how many records a batch has read
    durationMs       of a batch; `triggerExecution` in it is from its trigger to its result
    records          how many records the read-only limit has read
"""

import json
from dataclasses import dataclass
from decimal import Decimal

from harness.expected import AVERAGE

# What a live query finds, what a batch then adds to it, how often, and how long it is left alone in between, which
# is longer than the slowest engine's batch.
FIRST_RECORDS = 100
BATCH_RECORDS = 14
BATCHES = 10
PAUSE = "2500ms"


@dataclass(frozen=True)
class Task:
    """`totals`: the totals by brand of a whole topic. `live`: the same of a small topic that grows. `groups`: of a
    whole topic, `batch` records at a time, with 65,536 times as many groups as `modulus`; the `largest` are asked for.
    """

    kind: str
    topic: str
    records: int
    modulus: int = 0
    largest: int = 20
    batch: int = 500_000


class Wrong(Exception):
    """An engine's answer is not the right one, or is none."""


def objects(lines):
    """The JSON objects among the lines, each with its time."""
    for line in lines:
        if line.text.startswith("{"):
            yield line.at, json.loads(line.text, parse_float=Decimal)


def answered(task, lines, expected):
    """When the answer came, which must be right: a live query's first, the others' last."""
    answers = [(at, found) for at, found in objects(lines) if "result" in found or "records" in found]
    if not answers:
        raise Wrong("no result")
    at, answer = answers[0 if task.kind == "live" else -1]
    if "records" in answer:
        _check_count(answer["records"], task)
    elif task.kind == "groups":
        _check_groups(answer["result"], expected)
    else:
        _check_count(sum(row["transactions"] for row in answer["result"]), task)
        if expected:
            _check_totals(answer["result"], expected)
    return at


def batch_durations(lines):
    """How long the batches of [`BATCH_RECORDS`] took, in milliseconds."""
    return [
        float(found["durationMs"]["triggerExecution"])
        for _at, found in objects(lines)
        if found.get("numInputRows") == BATCH_RECORDS
    ]


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


def _check_groups(rows, expected):
    """The largest groups, in their order."""
    found = [
        (row["prefix"], int(row["remainder"]), int(row["transactions"]), Decimal(str(row["total"]))) for row in rows
    ]
    if found != expected:
        raise Wrong(f"the largest groups are {found[:1]}…, not {expected[:1]}…")
