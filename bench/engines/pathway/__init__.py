"""Runs Pathway on two threads of one process: the query is a reduction of a table that is read in static mode.

Two threads, one for each core, are faster than one thread by a third and take no more CPU time.

Pathway has no decimals. It reads an amount as the double that is nearest to it, rounds that to whole cents, and adds
these up as 64-bit integers, which is exact. Only the average is divided outside of it, from its total and count.
"""

from pathlib import Path

from engines import python
from harness.brokers import clean_environment

HERE = Path(__file__).parent
VERSION = "0.33.0"


class Pathway:
    """Pathway as pip brings it, with librdkafka below it."""

    name = "pathway"
    product = "Pathway"
    title = "Pathway, 2 threads"
    tasks = {"totals"}

    def prepare(self, folder):
        self._python = python.bring(folder, [f"pathway=={VERSION}"])

    def version(self):
        return VERSION

    def command(self, task, servers, _scratch):
        environment = clean_environment() | {"PATHWAY_THREADS": "2", "PYTHONUNBUFFERED": "1"}
        return [self._python, HERE / "query.py", servers, task.topic], environment
