"""Nothing of a stack outlives the process that runs it, however that process ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoflow import clock
from cryptoflow.errors import ConfigError, UnreachableError
from cryptoflow.localstack import LocalStack, lifecycle, record
from cryptoflow.localstack.maven import jars
from cryptoflow.tables import list_tables


def environment(**more: str) -> dict[str, str]:
    """Return our environment without settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTOFLOW_")}
    cache = {"CRYPTOFLOW_CACHE": os.environ["CRYPTOFLOW_CACHE"]} if "CRYPTOFLOW_CACHE" in os.environ else {}
    return {**kept, **cache, **more}


def start(data_dir: Path, **more: str) -> subprocess.Popen[str]:
    """Run `cryptoflow up` and return when it is ready."""
    command = [sys.executable, "-m", "cryptoflow", "up", "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(**more))
    assert process.stdout
    for line in process.stdout:
        if line.startswith("ready: "):
            return process
    raise AssertionError(process.wait())


def pids_of(data_dir: Path) -> list[int]:
    """Return the processes of the stack's parts."""
    return list(json.loads((data_dir / "stack.json").read_text("utf-8"))["children"].values())


def wait_gone(pids: list[int], timeout_s: float) -> None:
    """Wait until the processes have ended."""
    deadline = clock.monotonic_s() + timeout_s
    while [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert clock.monotonic_s() < deadline, f"still there after {timeout_s} s"


@pytest.mark.stack
@pytest.mark.parametrize(("number", "within_s"), [(signal.SIGKILL, 5.0), (signal.SIGTERM, 20.0), (signal.SIGINT, 20.0)])
def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals, within_s: float) -> None:
    """Ctrl-C, kill and kill -9 of the parent end broker and stand-in; the tables are there after."""
    real = number is signal.SIGKILL and not jars.missing()
    process = start(tmp_path, CRYPTOFLOW_LOCAL__BROKER="kafka" if real else "mock")
    pids = pids_of(tmp_path)
    assert len(pids) == 2
    process.send_signal(number)
    process.communicate(timeout=within_s)
    wait_gone(pids, within_s)
    assert process.returncode == (-9 if number is signal.SIGKILL else 0)
    assert record.read(tmp_path) is None
    if number is signal.SIGKILL:
        # The kernel ends the stand-in with SIGTERM, so it still writes what the tables are.
        with LocalStack(tmp_path).tables_only() as settings:
            assert all(table.exists for table in list_tables(settings))


@pytest.mark.stack
def test_a_part_that_dies_ends_the_stack(tmp_path: Path) -> None:
    """Half a stack is not left running: the exit code is 3 and the part is named."""
    process = start(tmp_path, CRYPTOFLOW_LOCAL__BROKER="mock")
    pids = pids_of(tmp_path)
    os.kill(json.loads((tmp_path / "stack.json").read_text("utf-8"))["children"]["mockbroker"], signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == 3
    wait_gone(pids, 5)


@pytest.mark.stack
def test_detached_and_stopped_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up --detach` returns when all is ready; `down` waits until all is gone; both may be repeated."""
    monkeypatch.setenv("CRYPTOFLOW_LOCAL__BROKER", "mock")
    command = [sys.executable, "-m", "cryptoflow", "up", "--detach", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "warning: mock broker in use" in done.stdout
    assert f"--config {tmp_path}/settings.yaml" in done.stdout
    pids = pids_of(tmp_path)
    again = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    with pytest.raises(ConfigError, match="another local stack"):
        lifecycle.start_detached(tmp_path, 10)
    assert lifecycle.stop(tmp_path)
    wait_gone(pids, 5)
    assert not lifecycle.stop(tmp_path)


def test_a_detached_start_that_fails_tells_why(tmp_path: Path) -> None:
    """The child's own error line is the error."""
    (tmp_path / "lock").mkdir()
    script = (
        "import sys\nfrom pathlib import Path\nfrom cryptoflow.localstack import lifecycle\n"
        "from cryptoflow.cli import explain\n"
        "try: lifecycle.start_detached(Path(sys.argv[1]), 20)\n"
        "except Exception as error: print(*explain(error))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment())
    assert done.stdout.startswith("3 starting the local stack: ")
    assert UnreachableError.__name__ not in done.stdout
