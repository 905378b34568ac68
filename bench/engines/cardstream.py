"""Runs this repository's consumer, as a release build."""

import os
import subprocess

from harness.brokers import REPOSITORY, clean_environment, last_line
from harness.expected import SHOWN_BELOW
from harness.failure import Failure

BY_GROUP = """
    SELECT substr(transaction_id, 1, 4) AS prefix, _offset % {modulus} AS remainder,
           count(*) AS transactions, sum(amount) AS total
    FROM transactions GROUP BY 1, 2
"""
LARGEST = " ORDER BY total DESC, prefix, remainder LIMIT {largest}"
# The condition is one on groups, not on records: a condition on the key alone would remove the other groups before they
# are counted.
SHOWN = f" HAVING CASE WHEN count(*) > 0 THEN prefix END < '{SHOWN_BELOW}'"


def target():
    """Returns the folder in which cargo builds."""
    return REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")


def build(*wanted):
    """Makes a release build of our programs; the first one takes some ten minutes of two cores.

    Both packages are built, whatever is wanted of them: a package alone has dependencies with fewer features, which
    would be built once more.
    """
    done = subprocess.run(
        ["cargo", "build", "--release", "--locked", "-p", "producer", "-p", "consumer", *wanted],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Failure(f"cargo build failed: {last_line(done.stderr)}")


class Cardstream:
    """The consumer with this many workers."""

    product = "Cardstream"
    # Of three triggers, two find no burst and one finds one.
    pause = 300

    def __init__(self, workers, checkpoints=False):
        self.name = f"cardstream-{workers}" + ("-checkpoints" if checkpoints else "")
        self.title = f"Cardstream, {workers} worker{'s' if workers > 1 else ''}" + (
            ", checkpoints" if checkpoints else ""
        )
        # A query that goes on always has checkpoints.
        self.tasks = {"totals", "groups"} if checkpoints else {"totals", "groups", "live"}
        if workers == 1 and not checkpoints:
            self.tasks.add("updates")
        self._workers = workers
        self._checkpoints = checkpoints

    def prepare(self, _folder):
        build("--bins")

    def version(self):
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True
        )
        return commit.stdout.strip()

    def command(self, task, servers, scratch):
        environment = clean_environment() | {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "TOPIC": task.topic,
            "GROUP_ID": f"bench-{scratch.name}",
            "OUTPUT": "json",
            "WORKERS": str(self._workers),
        }
        # Spark cannot run without checkpoints, so both have them where they are compared batch by batch.
        if self._checkpoints or task.grows:
            environment["CHECKPOINT_LOCATION"] = (scratch / "checkpoints").as_uri()
        if task.grows:
            environment["BATCH_INTERVAL"] = "100ms"
        else:
            environment["TRIGGER"] = "available-now"
        if task.modulus:
            shown = SHOWN if task.grows else LARGEST.format(largest=task.largest)
            environment["QUERY"] = BY_GROUP.format(modulus=task.modulus) + shown
            environment["SCHEMA"] = "transaction_id STRING, amount DECIMAL(12,2)"
            environment["MAX_RECORDS_PER_BATCH"] = str(task.batch)
        if task.kind == "updates":
            environment["OUTPUT_MODE"] = "update"
        return [target() / "release" / "consumer"], environment
