"""Ending the process, seen from outside."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import atexit, sys
from agents._fatal import die
from cryptoflow.errors import IdentityError
from cryptoflow.logs import setup_logging
setup_logging()
atexit.register(lambda: print("cleaned up"))
try:
    die("worker", {error})
finally:
    print("unwound")
"""


def run(error: str) -> subprocess.CompletedProcess[str]:
    """Let a process die of an error."""
    command = [sys.executable, "-c", SCRIPT.format(error=error)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_it_ends_at_once_without_unwinding() -> None:
    """No finally, no atexit: nothing may be acknowledged on the way out."""
    done = run("IdentityError('the topic was recreated', fix='see the runbook')")
    assert done.returncode == 70
    assert done.stdout == ""


def test_an_error_of_ours_is_one_line() -> None:
    """What a person needs to know stands in one line with the fix."""
    (line,) = run("IdentityError('the topic was recreated', fix='see the runbook')").stderr.splitlines()
    assert '"level":"ERROR"' in line
    assert "the topic was recreated; see the runbook" in line


def test_a_bug_comes_with_its_trace() -> None:
    """An unexpected error keeps its traceback."""
    done = run("ZeroDivisionError('oh')")
    assert "unexpected ZeroDivisionError" in done.stderr
    assert done.returncode == 70
