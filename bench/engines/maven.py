"""Brings jars for the engines that need some: Maven copies what an engine's pom.xml names."""

import shutil
import subprocess

from harness.failure import Missing


def bring(folder, pom):
    """Returns a folder with the jars of this pom.xml, which is made once."""
    jars = folder / "jars"
    stamp = jars / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == pom.read_bytes():
        return jars
    if not shutil.which("mvn"):
        raise Missing("Maven is missing")
    shutil.rmtree(jars, ignore_errors=True)
    done = subprocess.run(
        ["mvn", "-B", "-q", "-Dstyle.color=never", "-f", pom, "dependency:copy-dependencies",
         "-DincludeScope=runtime", f"-DoutputDirectory={jars}"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode != 0:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "Maven failed")
        raise Missing(reason)
    shutil.copy(pom, stamp)
    return jars
