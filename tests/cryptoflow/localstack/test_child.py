"""A wrapped command is the same process and dies with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoflow import clock
from cryptoflow.localstack import child

PARENT = """
import os, subprocess, sys, time
wrapper, = sys.argv[1:]
command = [sys.executable, wrapper, str(os.getpid()), "9", "--", "sleep", "60"]
print(subprocess.Popen(command).pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Say whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_command_dies_with_its_parent() -> None:
    """SIGKILL of the parent, which lets it clean up nothing, ends the command."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, child.__file__], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    deadline = clock.monotonic_s() + 10
    while "sleep" not in Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")[0]:
        assert clock.monotonic_s() < deadline
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = clock.monotonic_s() + 5
    while not gone(pid):
        assert clock.monotonic_s() < deadline


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    """The wrapper does not start the command when the parent died before it could be tied."""
    command = [sys.executable, child.__file__, "999999999", str(int(signal.SIGKILL)), "--", "echo", "started"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == ""
    assert "the parent is gone" in done.stderr


def test_a_wrong_call_is_refused() -> None:
    """Without a separator and a command nothing is started."""
    with pytest.raises(SystemExit, match="usage"):
        child.main([str(os.getpid()), "9", "sleep", "1"])
