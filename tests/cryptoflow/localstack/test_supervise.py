"""Children are logged, stopped in order, and outlive the thread that started them."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest

from cryptoflow.errors import UnreachableError
from cryptoflow.localstack.supervise import Supervisor

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def owner(tmp_path: Path) -> Supervisor:
    """Return a supervisor with its own logs."""
    return Supervisor(tmp_path / "logs")


def test_output_is_logged_and_the_environment_is_ours(owner: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of this process are not inherited; those given are."""
    monkeypatch.setenv("CRYPTOFLOW_LOG_LEVEL", "DEBUG")
    script = "import os; print(sorted(name for name in os.environ if name.startswith('CRYPTOFLOW')))"
    child = owner.start("names", [sys.executable, "-c", script], {"CRYPTOFLOW_ENVIRONMENT": "local"})
    assert child.process.wait(30) == 0
    assert child.log_tail().strip() == "['CRYPTOFLOW_ENVIRONMENT']"
    assert child.log.name == "names.log"


def test_children_stop_in_the_opposite_order(owner: Supervisor, tmp_path: Path) -> None:
    """The last started ends first, so that nobody loses what it stands on."""
    told = tmp_path / "order"
    script = (
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: (open(sys.argv[2], 'a').write(sys.argv[1]), sys.exit(0)))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    for name in "abc":
        child = owner.start(name, [sys.executable, "-c", script, name, str(told)])
        child.wait_until(lambda child=child: "up" in child.log_tail(), 20, "starting")  # type: ignore[misc]  # bound now
    owner.stop()
    assert told.read_text("utf-8") == "cba"
    assert owner.children == []


def test_a_stubborn_child_is_killed(owner: Supervisor) -> None:
    """After the limit SIGTERM becomes SIGKILL."""
    child = owner.start("stubborn", [sys.executable, "-c", STUBBORN])
    child.wait_until(lambda: "up" in child.log_tail(), 20, "starting")
    assert child.stop(0.2) == -signal.SIGKILL


def test_a_paused_child_can_be_stopped(owner: Supervisor) -> None:
    """A child frozen by a fault test is woken before it is asked."""
    child = owner.start("paused", ["sleep", "60"])
    child.signal(signal.SIGSTOP)
    assert child.stop(10) == -signal.SIGTERM


def test_a_child_outlives_the_thread_that_asked_for_it(owner: Supervisor) -> None:
    """The kernel ties a child to a thread; ours lives as long as the process."""

    def begin() -> None:
        script = "import time; print('up', flush=True); time.sleep(60)"
        started = owner.start("long", [sys.executable, "-c", script])
        started.wait_until(lambda: "up" in started.log_tail(), 20, "starting")

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    child = owner.children[0]
    with pytest.raises(UnreachableError, match="not ready after"):
        child.wait_until(lambda: False, 0.5, "waiting")
    assert child.alive()
    owner.stop()


def test_waiting_tells_why_it_failed(owner: Supervisor) -> None:
    """A child that ended is told with its last line and its log."""
    child = owner.start("broken", [sys.executable, "-c", "import sys; print('first'); sys.exit('no more')"])
    with pytest.raises(UnreachableError, match=r"starting it: broken ended with 1: no more; see .*broken\.log"):
        child.wait_until(lambda: False, 20, "starting it")


def test_a_command_that_does_not_exist_is_told(owner: Supervisor) -> None:
    """The wrapper's own words are in the log."""
    child = owner.start("nothing", ["/no/such/command"])
    with pytest.raises(UnreachableError, match="No such file"):
        child.wait_until(lambda: False, 20, "starting")
