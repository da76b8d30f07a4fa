"""A campaign applies what was drawn, lets everything settle, and is clean only if every promise held."""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from cryptoflow.chaos import campaign as module
from cryptoflow.chaos.campaign import Campaign
from cryptoflow.chaos.faults import Fault
from cryptoflow.chaos.fleet import Fleet
from cryptoflow.config import Settings
from cryptoflow.errors import StopError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.supervise import Supervisor
from cryptoflow.verify import Report


class ScriptedBroker(KafkaBroker):
    """Be a broker that notes what is done to it."""

    def __init__(self, folder: Path) -> None:
        """Be up."""
        super().__init__(folder, Supervisor(folder))
        self.calls: list[str] = []

    @override
    def kill(self) -> None:
        """Note it."""
        self.calls.append("kill")

    @override
    def revive(self) -> None:
        """Note it."""
        self.calls.append("revive")


@pytest.fixture
def campaign(tmp_path: Path, now: list[float], monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Return a campaign of three kills that waits without time passing."""
    made = Campaign(tmp_path, 3, 5, 100, 1)

    def wait(timeout_s: float) -> None:
        now[0] += timeout_s

    monkeypatch.setattr(made.work, "_pause", SimpleNamespace(wait=wait))
    return made


@pytest.fixture
def broker(tmp_path: Path) -> ScriptedBroker:
    """Return a broker."""
    return ScriptedBroker(tmp_path / "kafka")


def test_a_kill_hits_the_member_drawn(campaign: Campaign, broker: ScriptedBroker, fleet: Fleet) -> None:
    """The second worker dies and its next start is armed; the first goes on."""
    first, second = fleet.of("worker")
    kept, hit = first.child, second.child
    campaign._apply(broker, fleet, Fault("kill", "worker", "worker.after_state:1", member=1))
    assert (first.child, second.child, second.pending) == (kept, None, "worker.after_state:1")
    assert hit is not None
    assert hit.process.returncode == -signal.SIGKILL
    assert campaign.applied == {"kill worker": 1}


def test_a_move_is_no_kill(campaign: Campaign, broker: ScriptedBroker, fleet: Fleet) -> None:
    """Partitions move by an orderly stop."""
    campaign._apply(broker, fleet, Fault("move", "worker"))
    assert not fleet.kills
    assert fleet.of("worker")[0].child is None


def test_a_pause_lasts_as_drawn_and_ends(
    campaign: Campaign, broker: ScriptedBroker, fleet: Fleet, now: list[float]
) -> None:
    """The frozen process is woken: only then can it act on what it wrongly believes."""
    child: Any = fleet.of("sink")[0].child
    before = now[0]
    campaign._apply(broker, fleet, Fault("pause", "sink", pause_s=8.0))
    assert child.signals == [signal.SIGSTOP, signal.SIGCONT]
    assert now[0] - before >= 8.0


def test_a_broker_killed_comes_back(campaign: Campaign, broker: ScriptedBroker, fleet: Fleet) -> None:
    """It counts as a kill of its own, and members are kept running meanwhile."""
    child: Any = fleet.of("producer")[0].child
    child.end(70)
    campaign._apply(broker, fleet, Fault("broker", "broker"))
    assert broker.calls == ["kill", "revive"]
    assert fleet.kills == {"broker": 1}
    again: Any = fleet.of("producer")[0].child
    assert again.alive()


class ScriptedFleet:
    """Be a fleet whose every tending counts a kill, until the data ends."""

    def __init__(self, lasts: int) -> None:
        """Let data flow for so many questions."""
        self.kills: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.own_ends: list[str] = []
        self.lasts = lasts
        self.stopped = False

    def simulator(self) -> dict[str, str]:
        """Return the status."""
        self.lasts -= 1
        return {"state": "running" if self.lasts >= 0 else "done"}

    def tend(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Stop."""
        self.stopped = True


class ScriptedStack:
    """Be the campaign's stack; `broker` is what it happens to run."""

    broker: object = None

    def __init__(self, data_dir: Path, **_: Any) -> None:
        """Be up."""
        self.data_dir = data_dir
        self.settings = Settings()

    def __enter__(self) -> Any:
        """Be up."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be down."""


@pytest.fixture
def scripted(campaign: Campaign, broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch) -> ScriptedFleet:
    """Script everything around the loop: a clean campaign in which each fault is one kill."""
    fleet = ScriptedFleet(lasts=100)
    monkeypatch.setattr(ScriptedStack, "broker", broker)
    monkeypatch.setattr(module, "LocalStack", ScriptedStack)
    monkeypatch.setattr(campaign.work, "start", lambda _stack: fleet)
    monkeypatch.setattr(campaign.work, "drain", lambda _stack, _fleet: None)
    monkeypatch.setattr(campaign, "_apply", lambda _broker, _fleet, fault: fleet.kills.update([fault.role]))
    monkeypatch.setattr(campaign, "faults", itertools.cycle([Fault("kill", "sink"), Fault("kill", "worker")]))
    monkeypatch.setattr("cryptoflow.verify.verify", lambda _folder, _settings: Report())
    monkeypatch.setattr(module, "run_reference", lambda _stack, settings: settings)
    monkeypatch.setattr(module, "differences", lambda _first, _second: {})
    return fleet


def test_a_campaign_goes_on_until_its_kills_have_happened(campaign: Campaign, scripted: ScriptedFleet) -> None:
    """The report counts them per role, and is clean."""
    report = campaign.run()
    assert report["kills"] == {"sink": 2, "worker": 1, "all": 3}
    assert report["clean"] is True
    assert scripted.stopped


def test_too_few_kills_prove_nothing(campaign: Campaign, scripted: ScriptedFleet) -> None:
    """When the data ends before the kills asked for have happened, the campaign is not clean."""
    scripted.lasts = 2
    report = campaign.run()
    assert report["kills"]["all"] == 2
    assert report["clean"] is False


def test_any_difference_is_told(campaign: Campaign, scripted: ScriptedFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that differ from the undisturbed run's are named."""
    del scripted
    monkeypatch.setattr(module, "differences", lambda _first, _second: {"trades": ("1:a", "1:b")})
    report = campaign.run()
    assert report["clean"] is False
    assert report["unequal_tables"] == {"trades": ("1:a", "1:b")}


def test_any_failure_of_verify_is_told(
    campaign: Campaign, scripted: ScriptedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One lost frame is enough."""
    del scripted
    found = Report()
    found.fail("lost", "trades X: 1")
    monkeypatch.setattr("cryptoflow.verify.verify", lambda _folder, _settings: found)
    report = campaign.run()
    assert report["clean"] is False
    assert report["verify"]["lost"] == 1


def test_an_unexpected_death_is_told(campaign: Campaign, scripted: ScriptedFleet) -> None:
    """Even when the tables are right."""
    scripted.unexpected.append("sink-0 ended with -11")
    report = campaign.run()
    assert report["clean"] is False
    assert report["unexpected"] == ["sink-0 ended with -11"]


@pytest.mark.usefixtures("scripted")
def test_a_campaign_needs_a_real_broker(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock broker forgets everything when it is killed, so nothing would be proven."""
    monkeypatch.setattr(ScriptedStack, "broker", object())
    with pytest.raises(StopError, match="real broker"):
        campaign.run()
