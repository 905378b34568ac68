"""Runs Spark Structured Streaming on two threads of one JVM: the same query through foreachBatch, in update mode if
updates are asked for, and otherwise in complete mode.
"""

import shutil
from pathlib import Path

from engines import maven, python
from harness.brokers import clean_environment
from harness.expected import SHOWN_BELOW
from harness.failure import Missing

HERE = Path(__file__).parent
VERSION = "4.0.0"


class Spark:
    """PySpark as pip brings it, with the Kafka connector that Maven brings."""

    name = "spark"
    product = "Spark"
    title = "Spark Structured Streaming, local[2]"
    tasks = {"totals", "groups", "live", "updates"}
    pause = 1500

    def prepare(self, folder):
        if not shutil.which("java"):
            raise Missing("Java is missing")
        self._python = python.bring(folder, [f"pyspark=={VERSION}"])
        self._jars = maven.bring(folder, HERE / "pom.xml")

    def version(self):
        return VERSION

    def command(self, task, servers, scratch):
        jars = ",".join(str(jar) for jar in sorted(self._jars.glob("*.jar")))
        arguments = [task.kind, servers, task.topic, jars, scratch, task.modulus, task.largest, task.batch, SHOWN_BELOW]
        environment = clean_environment() | {"SPARK_LOCAL_DIRS": str(scratch), "PYTHONUNBUFFERED": "1"}
        return [self._python, HERE / "query.py", *map(str, arguments)], environment
