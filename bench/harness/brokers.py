"""Starts a cluster for the benchmark alone, and writes the records into it."""

import functools
import os
import re
import subprocess
import time
from pathlib import Path

from harness.failure import Failure

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = REPOSITORY / "zookeeper-kafka" / "cluster"
SEED = 42
PARTITIONS = 6
BROKERS = 3


class Brokers:
    """Three brokers and ZooKeeper on these cores. As a context, it stops them and deletes their data at its end."""

    def __init__(self, producer, folder, ports, cores):
        self._producer = producer
        self.data = folder / "cluster"
        first = ports["KAFKA_PORT"]
        self.servers = ",".join(f"127.0.0.1:{first + broker}" for broker in range(BROKERS))
        self._cores = cores
        self._environment = clean_environment() | {
            "DATA_DIR": str(self.data),
            **{name: str(port) for name, port in ports.items()},
        }

    def __enter__(self):
        self._cluster("clean")
        try:
            self._cluster("up")
        except BaseException:
            self._cluster("clean")
            raise
        return self

    def __exit__(self, *_why):
        self._cluster("clean")

    def load(self, topic, count, **settings):
        """Writes `count` records, and returns how many seconds that took."""
        began = time.monotonic()
        done = subprocess.run(
            # The program taskset sets the cores, since a function between fork and exec may hang when other threads
            # run.
            ["taskset", "--cpu-list", ",".join(map(str, self._cores)), self._producer],
            env=clean_environment()
            | {
                "KAFKA_BOOTSTRAP_SERVERS": self.servers,
                "TOPIC": topic,
                "TOPIC_PARTITIONS": str(PARTITIONS),
                "COUNT": str(count),
                "SEED": str(SEED),
                "RATE": "max",
            }
            | settings,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Failure(f"loading {topic} failed: {last_line(done.stderr)}")
        return time.monotonic() - began

    def _cluster(self, command):
        done = subprocess.run(
            [CLUSTER, command],
            env=self._environment,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Failure(last_line(done.stderr) or f"cluster {command} failed")


def clean_environment():
    """Returns the environment without the variables that are settings of our programs or of the cluster."""
    # These variables are not settings of a program in the tables, but change what it does.
    more = {"ARCHIVE_AT_EXIT", "DATA_DIR", "LISTEN", "RUST_LOG"}
    ours = settings() | more
    prefixes = ("KAFKA_", "ZOOKEEPER_")
    return {name: value for name, value in os.environ.items() if name not in ours and not name.startswith(prefixes)}


@functools.cache
def settings():
    """Returns the names of all settings of the consumer and the producer that docs/settings.md lists with their flags.
    """
    tables = (REPOSITORY / "docs/settings.md").read_text()
    names = frozenset(re.findall(r"^\| ([A-Z][A-Z_]*) \| `--", tables, re.MULTILINE))
    # One setting of each program must be found, so that a changed form of the tables is noticed.
    if not {"MEMORY_LIMIT", "BAD_RATIO"} <= names:
        raise Failure("docs/settings.md lists no settings, so those of this environment would get through")
    return names


def last_line(text):
    """Returns the last line that is not blank."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
