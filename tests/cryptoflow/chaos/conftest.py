"""A stack whose processes do what the test says."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.chaos.fleet import Fleet
from cryptoflow.config import Settings
from cryptoflow.demo.plan import cli


@dataclass
class ScriptedChild:
    """Be a process that runs until the test, a kill or a stop ends it.

    It cannot imitate a process that ignores SIGTERM, or one that dies between two questions.
    """

    name: str
    words: list[str]
    env: Mapping[str, str]
    logged: str = ""
    signals: list[int] = field(default_factory=list)
    process: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(returncode=None))

    def alive(self) -> bool:
        """Say whether it runs."""
        return self.process.returncode is None

    def end(self, code: int) -> None:
        """End by itself."""
        self.process.returncode = code

    def kill(self) -> None:
        """End as SIGKILL does."""
        self.signals.append(signal.SIGKILL)
        self.end(-signal.SIGKILL)

    def stop(self) -> int:
        """End in order."""
        self.signals.append(signal.SIGTERM)
        self.end(0)
        return 0

    def signal(self, number: int) -> None:
        """Take a signal."""
        self.signals.append(number)

    def log_tail(self) -> str:
        """Return the log."""
        return self.logged


class ScriptedStack:
    """Be a started stack; what is started is kept in order."""

    def __init__(self, data_dir: Path) -> None:
        """Be up."""
        self.data_dir = data_dir
        self.settings = Settings()
        self.supervisor = self
        self.started: list[ScriptedChild] = []

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> ScriptedChild:
        """Start a command of ours."""
        assert list(command[: len(cli())]) == cli()
        self.started.append(ScriptedChild(name, list(command[len(cli()) :]), env))
        return self.started[-1]


@pytest.fixture
def stack(tmp_path: Path) -> ScriptedStack:
    """Return a started stack."""
    return ScriptedStack(tmp_path)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock that only waiting moves."""
    at = [100.0]
    monkeypatch.setattr("cryptoflow.clock.monotonic_s", lambda: at[0])
    return at


@pytest.fixture
def fleet(stack: Any, now: list[float]) -> Fleet:
    """Return a running fleet."""
    del now
    made = Fleet(stack, Path("chaos.yaml"))
    made.tend()
    return made
