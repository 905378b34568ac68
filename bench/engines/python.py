"""Makes a virtual environment for each Python engine, which pip fills with the versions that the engine's file names.
"""

import subprocess
import sys

from harness.brokers import last_line
from harness.failure import Missing


def bring(folder, packages):
    """Returns the Python of an environment with these packages, which is made once."""
    python = folder / "venv" / "bin" / "python"
    stamp = folder / "venv" / "packages"
    wanted = "\n".join(packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", folder / "venv"])
    _run([python, "-m", "pip", "install", "--quiet", *packages])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(last_line(done.stderr) or f"{command[0]} failed")
