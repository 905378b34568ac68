"""Runs Bytewax in two processes: the same query in Python, exact, with a partial total for every batch of messages."""

from pathlib import Path

from engines import python
from harness.brokers import clean_environment

HERE = Path(__file__).parent
VERSION = "0.21.1"
PACKAGES = [f"bytewax[kafka]=={VERSION}", "orjson==3.11.4"]


class Bytewax:
    """Bytewax as pip brings it, with librdkafka below it and orjson for the records."""

    name = "bytewax"
    product = "Bytewax"
    title = "Bytewax, 2 processes"
    tasks = {"totals"}

    def prepare(self, folder):
        self._python = python.bring(folder, PACKAGES)

    def version(self):
        return VERSION

    def command(self, task, servers, _scratch):
        environment = clean_environment() | {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "TOPIC": task.topic,
            "PYTHONPATH": str(HERE),
            "PYTHONUNBUFFERED": "1",
        }
        return [self._python, "-m", "bytewax.testing", "query:flow", "-p", "2"], environment
