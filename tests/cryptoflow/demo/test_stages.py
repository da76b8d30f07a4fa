"""The stages of a demo: what is started how, in which order, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from cryptoflow.config import Settings
from cryptoflow.demo import stages as module
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import MarketPlan, Plan, cli
from cryptoflow.demo.stages import SIMULATOR_FILE, Stages
from cryptoflow.errors import StopError

TOLD = {"control": "http://sim", "endpoints": {"binance.usdm.rest": "http://sim"}}


class ScriptedChild:
    """Be a running command until the test ends it."""

    def __init__(self, name: str, stopped: list[str]) -> None:
        """Run."""
        self.name = name
        self.log = Path(f"{name}.log")
        self.running = True
        self.process = SimpleNamespace(returncode=None)
        self._stopped = stopped

    def alive(self) -> bool:
        """Say whether it runs."""
        return self.running

    def wait_until(self, ready: Any, timeout_s: float, doing: str) -> None:
        """Ask once: what is not ready now would never be."""
        assert ready(), f"{doing} within {timeout_s}"

    def stop(self) -> None:
        """End."""
        self.running = False
        self._stopped.append(self.name)


class ScriptedStack:
    """Be a started stack whose supervisor notes what it starts; the simulator listens at once."""

    def __init__(self, data_dir: Path) -> None:
        """Be up."""
        self.data_dir = data_dir
        self.settings = Settings()
        self.supervisor = self
        self.started: list[str] = []
        self.stopped: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.env: dict[str, Mapping[str, str]] = {}

    def environment(self) -> dict[str, str]:
        """Return what reaches the stack."""
        return {"CRYPTOFLOW_CONFIG": "stack.yaml"}

    def start(self, name: str, command: list[str], env: Mapping[str, str]) -> ScriptedChild:
        """Start a command."""
        assert command[: len(cli())] == cli()
        self.started.append(name)
        self.words[name], self.env[name] = command[len(cli()) :], env
        if name == "simulator":
            assert not (self.data_dir / SIMULATOR_FILE).exists()
            (self.data_dir / SIMULATOR_FILE).write_text(json.dumps(TOLD), "utf-8")
        return ScriptedChild(name, self.stopped)


@pytest.fixture
def stack(tmp_path: Path) -> ScriptedStack:
    """Return a started stack."""
    return ScriptedStack(tmp_path)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the parts answer, by URL; who is not in it does not answer."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(module, "fetch_json", found.get)
    return found


@pytest.fixture
def stages(stack: ScriptedStack, answers: dict[str, Any]) -> Stages:
    """Return the stages of a replay, not started; whoever is started will be ready."""
    made = Stages(stack, DemoOptions(), Plan("replay", (MarketPlan("binance.usdm", ("BTCUSDT", "ETHUSDT")),)))
    for port in made.ports.values():
        answers[f"http://127.0.0.1:{port}/ready"] = {"ready": True}
    return made


def test_readers_start_before_the_writer_and_the_data_ends_first(stages: Stages, stack: ScriptedStack) -> None:
    """Nothing is written before it can be read; what flows is finished in its own direction."""
    stages.start()
    assert stack.started == ["simulator", "worker", "sink", "producer"]
    stages.stop()
    assert stack.stopped == ["producer", "worker", "sink", "simulator"]
    stages.stop()
    assert len(stack.stopped) == 4


def test_stages_are_pointed_at_the_simulator(stages: Stages, stack: ScriptedStack) -> None:
    """The simulator reads the stack's settings; the stages those with its addresses; each has its own port."""
    stages.start()
    assert stack.env["simulator"] == stack.environment()
    config = yaml.safe_load(stages.config.read_text("utf-8"))
    assert config["producer"]["endpoints"]["binance.usdm.rest"] == "http://sim"
    for name in ("worker", "sink", "producer"):
        assert stack.env[name]["CRYPTOFLOW_CONFIG"] == str(stages.config)
        assert stack.env[name]["CRYPTOFLOW_HEALTH_PORT"] == str(stages.ports[name])
    assert len(set(stages.ports.values())) == 3
    asked = "produce --exchange binance --market usdm --source replay --symbol BTCUSDT --symbol ETHUSDT"
    assert stack.words["producer"] == asked.split()


def test_the_balance_outlives_the_producer(stages: Stages, stack: ScriptedStack, answers: dict[str, Any]) -> None:
    """Stopped alone, before the others, it is no failure, and what it counted last stays known."""
    stages.start()
    answers[f"http://127.0.0.1:{stages.ports['producer']}/ready"] = {"frames": {"received": 5, "in_flight": 2}}
    assert "producer" in stages.children
    stages.stop_producing()
    answers.clear()
    assert not stages.producing
    assert stages.frames() == {"received": 5, "in_flight": 0}
    assert stack.stopped == ["producer"]
    stages.check()
    stages.stop()
    assert stack.stopped == ["producer", "worker", "sink", "simulator"]


def test_a_simulator_file_of_an_earlier_run_is_not_believed(stages: Stages, stack: ScriptedStack) -> None:
    """The addresses of a run that is over lead nowhere."""
    (stack.data_dir / SIMULATOR_FILE).write_text(
        '{"control": "http://old", "endpoints": {"binance.usdm.rest": "http://sim"}}', "utf-8"
    )
    stages.start()
    assert stages.control == "http://sim"


def test_a_stage_that_ends_by_itself_ends_the_demo(stages: Stages) -> None:
    """The error names the stage, its exit code and where to look."""
    stages.start()
    stages.check()
    child: Any = stages.children["sink"]
    child.running, child.process.returncode = False, 3
    with pytest.raises(StopError, match="the sink ended with 3") as caught:
        stages.check()
    assert "sink.log" in str(caught.value)


def test_answers_become_numbers(stages: Stages, answers: dict[str, Any]) -> None:
    """Positions are told apart at the last slash; only counts are frames; lag is summed."""
    stages.start()
    at = {name: f"http://127.0.0.1:{port}/ready" for name, port in stages.ports.items()}
    answers[at["producer"]] = {"frames": {"received": 5, "note": "text"}}
    answers[at["worker"]] = {"next": {"x.raw.binance/3": 7}}
    answers[at["sink"]] = {"lag": {"md.trades/0": 2, "md.trades/1": 3}}
    answers["http://sim/_sim/status"] = {"state": "done"}
    assert stages.frames() == {"received": 5}
    assert stages.worker_positions() == {("x.raw.binance", 3): 7}
    assert stages.lag_records() == 5
    assert stages.simulator() == {"state": "done"}
    assert stages.metrics_url("worker") == at["worker"].replace("/ready", "/metrics")


def test_silence_is_no_number(stages: Stages, answers: dict[str, Any]) -> None:
    """Parts that do not answer have told nothing, and that is no error."""
    answers.clear()
    assert (stages.frames(), stages.worker_positions(), stages.lag_records(), stages.simulator()) == ({}, {}, 0, {})
