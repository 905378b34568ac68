"""Writes bench/RESULTS.md: what was measured, on which machine, and what was left out."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from math import ceil
from statistics import median

from harness import task as tasks
from harness.brokers import PARTITIONS

MEGABYTE = 1_000_000
# The columns that several tables have. A share is a share of what Spark needs.
CPU = ["CPU-seconds", "of Spark's"]
BATCHES = ["batches", "batch, ms: median", "99th percentile", "longest"]
MEMORY = ["peak memory, MB", "of Spark's"]
READ_BEFORE = (
    "Cardstream reads records and adds them up as they come, before a trigger; Spark reads them after its trigger."
)
NOTHING = "–"


def write(path, rounds, context):
    """Writes the report of these rounds."""
    parts = [_heading(rounds, context)]
    for task, results in rounds.results.items():
        part = {"totals": _totals, "groups": _groups, "live": _live, "updates": _updates}[task.kind]
        parts.append(part(task, results, context))
    parts.append(_versions(context))
    parts.append(_left_out(rounds, context))
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _heading(rounds, context):
    size = f" of {context.record_bytes} bytes of JSON on average" if context.record_bytes else ""
    loaded = f"{context.records:,} records{size}, " if any(not task.grows for task in rounds.results) else ""
    lines = [
        "# Results",
        "",
        f"Written by `{context.command}` on {datetime.now(UTC):%Y-%m-%d}; [README.md](README.md) says what is"
        " measured, and how.",
        "",
        f"- {loaded}{PARTITIONS} partitions, three copies, not compressed",
        f"- {os.cpu_count()} cores and {_memory_gigabytes()} GB of memory, of which brokers and engine share cores"
        f" {', '.join(map(str, context.cores))}",
        f"- load of the machine before the first run: {context.load[0]:.1f}, after the last: {os.getloadavg()[0]:.1f}",
        f"- {_rounds(context.rounds)}; every answer that counts here was right to the cent",
    ]
    if context.note:
        lines.append(f"- {context.note}")
    return "\n".join(lines)


def _totals(task, results, _context):
    measured = _measured(results)
    rate = {name: task.records / result.wall() for name, (_title, result) in measured.items()}
    spark = _of_spark(measured)
    rows = [
        [
            title,
            _spread(result.walls, "{:.2f}"),
            f"{rate[name]:,.0f}",
            _times(rate[name], rate.get("spark")),
            _times(rate[name], rate.get("flink")),
            _share(rate[name], rate.get("limit")),
            *_cpu(result, spark),
            *_memory(result, spark),
        ]
        for name, (title, result) in measured.items()
    ]
    heads = ["", "seconds", "records/s", "× Spark", "× Flink", "of the limit", *CPU, *MEMORY]
    what = (
        "All records of the topic, from the start of the process to the result. The limit is librdkafka with the"
        " settings that Cardstream uses, and nothing done with the records."
    )
    return f"## Totals by card brand\n\n{what}\n\n" + _table(heads, rows)


def _live(task, results, _context):
    measured = _measured(results)
    spark = _of_spark(measured)
    rows = [
        [
            title,
            _spread([wall * 1000 for wall in result.walls], "{:,.0f}"),
            _times(spark and spark.wall(), result.wall()),
            *_batches(result),
            *_memory(result, spark),
        ]
        for title, result in measured.values()
    ]
    heads = ["", "first result, ms", "× Spark", *BATCHES, *MEMORY]
    return (
        f"## A live query\n\nA topic of {task.records} records: from the start of the process to the first result, the"
        f" join of the group included. Then {tasks.BURSTS} times {task.burst} records, with checkpoints"
        f" on the disk; a batch lasts from its trigger to its result. {READ_BEFORE}\n\n" + _table(heads, rows)
    )


def _updates(task, results, _context):
    measured = _measured(results)
    spark = _of_spark(measured)
    rows = [
        [
            title,
            _spread(result.walls, "{:.2f}"),
            _times(spark and spark.wall(), result.wall()),
            *_batches(result),
            *_cpu(result, spark),
            *_memory(result, spark),
        ]
        for title, result in measured.values()
    ]
    heads = ["", "seconds", "× Spark", *BATCHES, *CPU, *MEMORY]
    groups = max((result.groups for _title, result in measured.values()), default=0)
    return (
        f"## Updates of {groups:,} groups\n\nCount and sum by the id's first four digits and the offset's remainder of"
        f" {task.modulus}, in update mode: {task.records:,} records from the start of the process to their result,"
        f" {task.batch:,} a batch, and then {tasks.BURSTS} times {task.burst:,} records, with checkpoints on the disk;"
        f" a batch of these lasts from its trigger to its result. Rows of one group in 256 are written. {READ_BEFORE}\n\n"
        + _table(heads, rows)
    )


def _groups(task, results, context):
    measured = _measured(results)
    spark = _of_spark(measured)
    rows = [
        [
            title,
            _spread(result.walls, "{:.2f}"),
            f"{task.records / result.wall():,.0f}",
            _times(spark and spark.wall(), result.wall()),
            f"{len(result.intervals)}",
            _seconds(result.intervals, 0.5),
            _seconds(result.intervals, 1),
            _percentile(result.batches, 0.5),
            _percentile(result.batches, 1),
            *_cpu(result, spark),
            *_memory(result, spark),
        ]
        for title, result in measured.values()
    ]
    heads = [
        "", "seconds", "records/s", "× Spark", "batches", "result to result, s: median", "longest",
        "trigger to result, ms: median", "longest", *CPU, *MEMORY,
    ]  # fmt: skip
    return (
        f"## {context.groups[task]:,} groups\n\nCount and sum by the id's first four digits and the offset's remainder"
        f" of {task.modulus}, {task.batch:,} records a batch, all groups' result after each. The first"
        f" batch is in the seconds, but not in what the others took. {READ_BEFORE}\n\n" + _table(heads, rows)
    )


def _measured(results):
    """Returns the title and the result of each engine that has one, by the engine's name."""
    return {engine.name: (engine.title, result) for engine, result in results.items() if result.walls}


def _of_spark(measured):
    return measured.get("spark", ("", None))[1]


def _batches(result):
    """Returns the values of the columns [`BATCHES`]."""
    shares = (0.5, 0.99, 1)
    return [f"{len(result.batches):,}", *(_percentile(result.batches, share) for share in shares)]


def _cpu(result, spark):
    """Returns the values of the columns [`CPU`]."""
    return [f"{result.cpu():.1f}", _share(result.cpu(), spark and spark.cpu())]


def _memory(result, spark):
    """Returns the values of the columns [`MEMORY`]."""
    return [f"{result.memory() / MEGABYTE:,.0f}", _share(result.memory(), spark and spark.memory())]


def _versions(context):
    versions = {engine.product: engine.version() for engine in context.engines}
    versions |= {
        "Kafka": context.kafka_version,
        "Rust": _first_line("rustc", "--version"),
        "Java": _first_line("java", "-version"),
        "Python": platform.python_version(),
        "Linux": platform.release().split("-")[0],
    }
    return "## Versions\n\n" + _table(["", "version"], [list(pair) for pair in versions.items()], "---")


def _left_out(rounds, context):
    reasons = dict(context.missing)
    for task, results in rounds.results.items():
        failed = {engine.title: result.failed for engine, result in results.items() if result.failed}
        reasons |= {f"{title}, {task}": reason for title, reason in failed.items()}
    if not reasons:
        return ""
    return "## Left out\n\n" + _table(["", "because"], [list(pair) for pair in reasons.items()], "---")


def _table(heads, rows, others="---:"):
    """Returns a Markdown table without the columns that have nothing in any row. All columns but the first are aligned
    to the right.
    """
    if not rows:
        return "No engine has done this."
    kept = [column for column in range(len(heads)) if any(row[column] != NOTHING for row in rows)]
    lines = [[heads[column] for column in kept], ["---"] + [others] * (len(kept) - 1)]
    lines += [[row[column].replace("|", "\\|") for column in kept] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rounds(number):
    return "one round" if number == 1 else f"medians of {number} rounds, the least and the most in brackets"


def _spread(values, shown):
    middle, least, most = (shown.format(value) for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least}–{most})"


def _times(value, of):
    """Returns how many times as much `value` is as `of`."""
    if not value or not of:
        return NOTHING
    return f"{value / of:.1f}" if value >= of else f"{value / of:.2f}"


def _share(value, of):
    if not value or not of:
        return NOTHING
    return f"{value / of:.0%}" if value >= of / 10 else f"{value / of:.1%}"


def _percentile(values, share):
    """Returns the smallest value that at least this share of the values does not exceed."""
    return f"{_ranked(values, share):,.0f}" if values else NOTHING


def _seconds(values, share):
    return f"{_ranked(values, share):.2f}" if values else NOTHING


def _ranked(values, share):
    return sorted(values)[max(1, ceil(len(values) * share)) - 1]


def _memory_gigabytes():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0]
