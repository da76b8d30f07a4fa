"""`python -m cryptoflow` is the command line."""

from __future__ import annotations

import subprocess
import sys


def test_the_module_runs_the_command_line() -> None:
    """The version is printed under the program's own name."""
    command = [sys.executable, "-m", "cryptoflow", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("cryptoflow, version ")
