"""A demo run is started, followed, reported and always stopped."""

from __future__ import annotations

import importlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.demo.finish import Step
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import Plan
from cryptoflow.demo.progress import TableState
from cryptoflow.demo.recorded import plan_of
from cryptoflow.demo.run import DATA_ROOT, look, run
from cryptoflow.demo.view import Snapshot
from cryptoflow.errors import ConfigError, StopError

module = importlib.import_module("cryptoflow.demo.run")  # the package has a function of this name


class ScriptedRun:
    """Be the stack, the stages and everything asked of them; one step is reached per look.

    It cannot imitate the terminal: nothing is drawn unless standard error is one.
    """

    def __init__(self) -> None:
        """Note calls in order."""
        self.calls: list[str] = []
        self.steps = iter(
            [Step.SENDING, Step.NORMALIZING, Step.COMMITTING, Step.NORMALIZING, Step.COMMITTING, Step.DONE]
        )
        self.step = Step.SENDING
        self.producing = True
        self.settings = Settings()
        self.data_dir = Path()
        self.warning = ""
        self.fails: Exception | None = None
        self.at_step: Callable[[Step], None] = lambda _step: None

    def stack(self, data_dir: Path, **overrides: Any) -> ScriptedRun:
        """Be the stack on a folder."""
        self.data_dir = data_dir
        self.calls.append(f"stack {overrides['kafka']['partitions']}")
        return self

    def __enter__(self) -> Self:
        """Be up."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be down."""
        self.calls.append("stack down")

    def start(self) -> None:
        """Start the stages."""
        self.calls.append("start")

    def stop(self) -> None:
        """Stop the stages."""
        self.calls.append("stop")

    def stop_producing(self) -> None:
        """Stop the producer."""
        self.producing = False
        self.calls.append(f"stop producing at {self.step.value}")

    def again(self) -> None:
        """Follow once more."""
        self.calls.append("again")

    def check(self) -> None:
        """Fail when told to."""
        if self.fails:
            raise self.fails

    def advance(self) -> Step:
        """Reach the next step."""
        self.step = next(self.steps)
        self.at_step(self.step)
        return self.step

    def close(self) -> None:
        """Close a reader of the broker."""
        self.calls.append("close")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedRun]:
    """Return the parts of a run that does nothing; signal handlers are put back."""
    made = ScriptedRun()
    monkeypatch.setattr(module, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(module, "LocalStack", made.stack)
    for name in ("Stages", "LogEnds", "Tables", "LastPrices", "Finish"):
        monkeypatch.setattr(module, name, lambda *_: made)
    monkeypatch.setattr(module, "collect", lambda stack, *_: {"data_dir": str(stack.data_dir)})
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield made
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_once_ends_when_everything_is_committed(
    scripted: ScriptedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The producer ends before the sink is waited for, and what it still wrote is followed; then comes the report."""
    assert run(DemoOptions(once=True, as_json=True, data_dir=tmp_path)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"data_dir": str(tmp_path)}
    assert err == ""
    assert next(scripted.steps, None) is None
    assert scripted.calls[:2] == [f"stack {module.PARTITIONS}", "start"]
    assert scripted.calls[2:4] == ["stop producing at committing", "again"]
    assert scripted.calls[-2:] == ["stop", "stack down"]


def test_a_warning_of_the_stack_is_said_aside(
    scripted: ScriptedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mock broker proves nothing, and standard output stays one object."""
    scripted.warning = "mock broker in use"
    run(DemoOptions(once=True, as_json=True, data_dir=tmp_path))
    out, err = capsys.readouterr()
    assert "mock broker in use" in err
    assert out.count("\n") == 1


def test_what_of_a_recording_is_not_replayed_is_said_before_anything_starts(
    scripted: ScriptedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, in one line; a recording that cannot be replayed starts nothing at all."""
    planned = Plan("replay", omissions="3 recorded rows are not replayed")
    monkeypatch.setattr(module, "plan_of", lambda _options: planned)
    run(DemoOptions(once=True, as_json=True, data_dir=tmp_path))
    assert capsys.readouterr().err == "3 recorded rows are not replayed\n"
    started = len(scripted.calls)
    monkeypatch.setattr(module, "plan_of", plan_of)
    with pytest.raises(ConfigError, match="reading recording"):
        run(DemoOptions(once=True, recordings=(tmp_path / "none",), data_dir=tmp_path))
    assert len(scripted.calls) == started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_its_report(
    scripted: ScriptedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Without `once` the run goes on until Ctrl-C or a stop, and still says what it came to."""
    scripted.at_step = lambda step: signal.raise_signal(number) if step is Step.DONE else None
    assert run(DemoOptions(as_json=True, data_dir=tmp_path)) == 0
    assert json.loads(capsys.readouterr().out) == {"data_dir": str(tmp_path)}
    assert scripted.producing
    assert scripted.calls[-2:] == ["stop", "stack down"]


def test_a_failed_part_ends_the_run_and_nothing_is_left(
    scripted: ScriptedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error goes on; stages, readers and stack are closed all the same, and no report is made up."""
    scripted.fails = StopError("running the demo: the sink ended with 3")
    with pytest.raises(StopError, match="sink"):
        run(DemoOptions(once=True, data_dir=tmp_path))
    assert scripted.calls.count("close") == 2
    assert scripted.calls[-2:] == ["stop", "stack down"]
    assert capsys.readouterr().out == ""


def test_a_run_has_a_folder_of_its_own(scripted: ScriptedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by our clock, so that runs never mix."""
    monkeypatch.setattr(clock, "now_ns", lambda: 1_700_000_000_000_000_000)
    monkeypatch.setattr(module, "as_json", lambda _found: "")
    run(DemoOptions(once=True, as_json=True))
    assert scripted.data_dir == DATA_ROOT / "demo-20231114T221320"


def test_the_view_is_told_what_the_parts_say() -> None:
    """The rate is that since the look before; empty tables are not shown; no gaps table means no gaps."""
    stages: Any = SimpleNamespace(
        frames=lambda: {"received": 300, "published": 290},
        simulator=lambda: {"frames_sent": 310},
        lag_records=lambda: 4,
    )
    tables: Any = SimpleNamespace(states=lambda: {"trades": TableState(5, 1, {}), "funding": TableState(0, 0, {})})
    prices: Any = SimpleNamespace(read=lambda: {"BTC-USDT": "1"})
    before = Snapshot(elapsed_s=10.0, received=100, data_dir="there")
    assert look(before, Step.SENDING, stages, tables, prices, 12.0) == Snapshot(
        elapsed_s=12.0,
        state="sending",
        sent=310,
        received=300,
        published=290,
        rate=100.0,
        lag_records=4,
        gaps=0,
        rows={"trades": 5},
        prices={"BTC-USDT": "1"},
        data_dir="there",
    )
