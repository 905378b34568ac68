"""bench/RESULTS.md: what was measured, on what, and what was left out."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from statistics import median

from harness import task as tasks
from harness.brokers import PARTITIONS

MEGABYTE = 1_000_000


def write(path, rounds, context):
    """Writes the report of these rounds."""
    parts = [_heading(context)]
    for task, results in rounds.results.items():
        part = {"totals": _totals, "groups": _groups, "live": _live}[task.kind]
        parts.append(part(task, results, context))
    parts.append(_versions(context))
    parts.append(_left_out(rounds, context))
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _heading(context):
    size = f" of {context.record_bytes} bytes of JSON on average" if context.record_bytes else ""
    lines = [
        "# Results",
        "",
        f"Written by `{context.command}` on {datetime.now(UTC):%Y-%m-%d}; [README.md](README.md) says what is"
        " measured, and how.",
        "",
        f"- {context.records:,} records{size}, {PARTITIONS} partitions, three copies, not compressed",
        f"- {os.cpu_count()} cores and {_memory_gigabytes()} GB of memory, of which brokers and engine share cores"
        f" {', '.join(map(str, context.cores))}",
        f"- load of the machine before the first run: {context.load[0]:.1f}, after the last: {os.getloadavg()[0]:.1f}",
        f"- rounds: {context.rounds}, of which these are medians; every answer that counts here was right to the cent",
    ]
    if context.note:
        lines.append(f"- {context.note}")
    return "\n".join(lines)


def _totals(task, results, _context):
    measured = {engine: result for engine, result in results.items() if result.walls}
    rate = {engine.name: task.records / result.wall() for engine, result in measured.items()}
    cpu = {engine.name: result.cpu() for engine, result in measured.items()}
    rows = [
        [
            engine.title,
            _spread(result.walls),
            f"{rate[engine.name]:,.0f}",
            _ratio(rate[engine.name], rate.get("limit"), "{:.0%}"),
            _ratio(rate[engine.name], rate.get("spark"), "{:.1f}"),
            f"{result.cpu():.1f}",
            f"{result.cpu() / task.records * 1e6:.2f}",
            _ratio(result.cpu(), cpu.get("spark"), "1/{inverse:.1f}"),
            f"{result.memory() / MEGABYTE:,.0f}",
        ]
        for engine, result in measured.items()
    ]
    heads = [
        "", "seconds, least and most", "records/s", "of the limit", "× Spark", "CPU-seconds", "µs CPU a record",
        "of Spark's CPU", "peak memory, MB",
    ]  # fmt: skip
    what = "From the start of the process to the result of all records."
    return f"## Totals by card brand\n\n{what}\n\n" + _table(heads, rows)


def _groups(task, results, context):
    measured = {engine: result for engine, result in results.items() if result.walls}
    spark = next((result for engine, result in measured.items() if engine.name == "spark"), None)
    rows = [
        [
            engine.title,
            _spread(result.walls),
            f"{task.records / result.wall():,.0f}",
            _ratio(spark.wall() if spark else None, result.wall(), "{:.1f}"),
            f"{result.cpu():.1f}",
            f"{result.memory() / MEGABYTE:,.0f}",
            _ratio(result.memory(), spark.memory() if spark else None, "1/{inverse:.1f}"),
        ]
        for engine, result in measured.items()
    ]
    heads = [
        "", "seconds, least and most", "records/s", "× Spark", "CPU-seconds", "peak memory, MB", "of Spark's memory",
    ]  # fmt: skip
    return (
        f"## {context.groups[task]:,} groups\n\nCount and sum by the id's first four digits and the offset's remainder"
        f" of {task.modulus}, {task.batch:,} records a batch, all groups' result after each.\n\n" + _table(heads, rows)
    )


def _live(task, results, _context):
    rows = [
        [
            engine.title,
            f"{result.wall() * 1000:,.0f}",
            f"{max(result.walls) * 1000:,.0f}",
            f"{len(result.batches)}",
            _percentile(result.batches, 0.5),
            _percentile(result.batches, 0.99),
            f"{result.memory() / MEGABYTE:,.0f}",
        ]
        for engine, result in results.items()
        if result.walls
    ]
    heads = ["", "first result, ms", "at most", "batches", "trigger to result, ms", "99th percentile", "peak memory, MB"]
    return (
        f"## A live query\n\nA topic of {task.records} records: from the start of the process to the first result, the"
        f" join of the group included. Then bursts of {tasks.BURST_RECORDS} records, with checkpoints on the disk.\n\n"
        + _table(heads, rows)
    )


def _versions(context):
    versions = {engine.product: engine.version() for engine in context.engines}
    versions |= {
        "Kafka": context.kafka_version,
        "Rust": _first_line("rustc", "--version"),
        "Java": _first_line("java", "-version"),
        "Python": platform.python_version(),
        "Linux": platform.release().split("-")[0],
    }
    return "## Versions\n\n" + _table(["", "version"], [list(pair) for pair in versions.items()])


def _left_out(rounds, context):
    reasons = dict(context.missing)
    for task, results in rounds.results.items():
        failed = {engine.title: result.failed for engine, result in results.items() if result.failed}
        reasons |= {f"{title}, {task.kind}": reason for title, reason in failed.items()}
    if not reasons:
        return ""
    return "## Left out\n\n" + _table(["", "because"], [list(pair) for pair in reasons.items()])


def _table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _spread(values):
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _ratio(value, of, shown):
    if not value or not of:
        return "–"
    return shown.format(value / of, inverse=of / value)


def _percentile(values, share):
    """The smallest value that so many are not above."""
    if not values:
        return "–"
    rank = max(1, -int(-len(values) * share // 1))
    return f"{sorted(values)[rank - 1]:,.0f}"


def _memory_gigabytes():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0]
