"""Runs Flink SQL with two slots in one JVM, with the settings that make it fastest: mini-batches, and objects reused.
"""

import shutil
import subprocess
from pathlib import Path

from engines import maven
from harness.brokers import clean_environment, last_line
from harness.failure import Missing

HERE = Path(__file__).parent
VERSION = "2.1.1"


class Flink:
    """Maven's jars and a program of one query, which reads to the end that the topic has at the start."""

    name = "flink"
    product = "Flink"
    title = "Flink SQL, parallelism 2"
    tasks = {"totals"}

    def prepare(self, folder):
        if not shutil.which("javac"):
            raise Missing("javac is missing: it needs a JDK")
        jars = maven.bring(folder, HERE / "pom.xml")
        self._classes = f"{folder / 'classes'}:{jars}/*"
        compiled = subprocess.run(
            ["javac", "-cp", f"{jars}/*", "-d", folder / "classes", HERE / "Query.java"],
            capture_output=True,
            text=True,
        )
        if compiled.returncode != 0:
            raise Missing(last_line(compiled.stderr))

    def version(self):
        return VERSION

    def command(self, task, servers, _scratch):
        # Flink needs these options from Java 17 on.
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.util")]
        return ["java", *opened, "-cp", self._classes, "Query", servers, task.topic], clean_environment()
