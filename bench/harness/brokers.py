"""A cluster of its own for the benchmark, and the records in it."""

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
    """Three brokers and ZooKeeper on these cores; a context that ends with them and their data deleted."""

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
        """Writes so many records, and says how many seconds it took."""
        began = time.monotonic()
        done = subprocess.run(
            # Not by a function between fork and exec: that may hang where other threads run.
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
    """The environment without the settings of our programs and of the cluster, which are variables."""
    # What names no setting of a program, but changes what it does all the same.
    more = {"ARCHIVE_AT_EXIT", "DATA_DIR", "LISTEN", "RUST_LOG"}
    ours = settings() | more
    prefixes = ("KAFKA_", "ZOOKEEPER_")
    return {name: value for name, value in os.environ.items() if name not in ours and not name.startswith(prefixes)}


@functools.cache
def settings():
    """The names of all settings of the consumer and the producer, as docs/settings.md lists them with their flags."""
    tables = (REPOSITORY / "docs/settings.md").read_text()
    names = frozenset(re.findall(r"^\| ([A-Z][A-Z_]*) \| `--", tables, re.MULTILINE))
    # One of each program, so that tables of another form are not taken for none.
    if not {"MEMORY_LIMIT", "BAD_RATIO"} <= names:
        raise Failure("docs/settings.md lists no settings, so those of this environment would get through")
    return names


def last_line(text):
    """The last line that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
