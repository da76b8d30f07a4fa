"""Fail points act exactly where and when they are armed, and never in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
from cryptoflow.failpoint import FailPointError, fail_point
for number in range(1, 6):
    try:
        fail_point("sink.other")
        fail_point("sink.before_commit")
    except FailPointError:
        print("raised", end=" ")
    print(number, flush=True)
"""


def start(armed: str, environment: str) -> subprocess.Popen[str]:
    """Start a process that passes two points five times."""
    told = {"CRYPTOFLOW_FAILPOINT": armed, "CRYPTOFLOW_ENVIRONMENT": environment}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **told}, stdout=subprocess.PIPE, text=True
    )


def test_the_process_is_killed_at_the_nth_passing() -> None:
    """`name:3` dies by SIGKILL the third time the point is reached, not before."""
    process = start("sink.before_commit:3", "test")
    told, _ = process.communicate(timeout=60)
    assert (told.split(), process.returncode) == (["1", "2"], -signal.SIGKILL)


def test_a_point_can_raise_once() -> None:
    """`raise` acts at one passing and is inert afterwards."""
    process = start("sink.before_commit:2:raise", "local")
    told, _ = process.communicate(timeout=60)
    assert (told.split(), process.returncode) == (["1", "raised", "2", "3", "4", "5"], 0)


def test_a_stopped_process_goes_on_when_woken() -> None:
    """`stop` pauses by SIGSTOP; SIGCONT lets the process finish its work."""
    process = start("sink.before_commit:1:stop", "test")
    deadline = time.monotonic() + 30
    while True:
        found, status = os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)
        if found:
            break
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert os.WIFSTOPPED(status)
    os.kill(process.pid, signal.SIGCONT)
    told, _ = process.communicate(timeout=30)
    assert told.split() == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("environment", ["production", ""])
def test_production_ignores_fail_points(environment: str) -> None:
    """An armed point left in a production environment does nothing."""
    process = start("sink.before_commit:1", environment)
    told, _ = process.communicate(timeout=60)
    assert (told.split(), process.returncode) == (["1", "2", "3", "4", "5"], 0)
