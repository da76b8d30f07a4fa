"""A run starts its parts, keeps them running, and ends when all is committed or says why not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.chaos import run as module
from cryptoflow.chaos.fleet import Fleet
from cryptoflow.chaos.run import DRAIN_TIMEOUT_S, Run
from cryptoflow.demo.finish import Step
from cryptoflow.demo.options import DemoOptions
from cryptoflow.errors import StopError


@pytest.fixture
def run(tmp_path: Path, now: list[float], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run that waits without time passing."""
    made = Run(DemoOptions(seconds=30.0), tmp_path)

    def wait(timeout_s: float) -> None:
        now[0] += timeout_s

    monkeypatch.setattr(made, "_pause", SimpleNamespace(wait=wait))
    return made


class ScriptedEnd:
    """Be what the drain asks: the end comes after some looks."""

    def __init__(self, looks: int) -> None:
        """Be done after so many looks."""
        self.looks = looks
        self.step = Step.COMMITTING
        self.closed = False

    def advance(self) -> Step:
        """Look once."""
        self.looks -= 1
        return Step.DONE if self.looks < 0 else self.step

    def close(self) -> None:
        """Close."""
        self.closed = True


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch) -> ScriptedEnd:
    """Return what the drain waits for."""
    made = ScriptedEnd(3)
    for name in ("Finish", "LogEnds", "Tables"):
        monkeypatch.setattr(module, name, lambda *_: made)
    return made


def test_the_drain_disarms_and_waits(run: Run, fleet: Fleet, stack: Any, end: ScriptedEnd) -> None:
    """No fail point is armed any more, and members that fell are started to finish the work."""
    member = fleet.of("sink")[1]
    fleet.kill(member, "sink.before_commit:1")
    run.drain(stack, fleet)
    assert end.looks < 0
    assert end.closed
    assert member.child is not None
    assert member.armed == ""


def test_a_drain_that_never_ends_is_an_error(
    run: Run, fleet: Fleet, stack: Any, end: ScriptedEnd, now: list[float]
) -> None:
    """It says which step it hangs in and where to look; nothing is compared then."""
    end.looks = 1_000_000
    before = now[0]
    with pytest.raises(StopError, match="still committing") as caught:
        run.drain(stack, fleet)
    assert "logs" in str(caught.value)
    assert now[0] - before > DRAIN_TIMEOUT_S
    assert end.closed
