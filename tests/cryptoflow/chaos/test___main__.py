"""`python -m cryptoflow.chaos` prints its report and says by its exit code whether every promise held."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.chaos import __main__ as module
from cryptoflow.errors import StopError
from cryptoflow.simulator.venues import markets


class ScriptedCampaign:
    """Be a campaign that is over at once."""

    asked: tuple[Any, ...] = ()
    clean = True
    fails = False

    def __init__(self, *asked: Any) -> None:
        """Note what it was asked."""
        ScriptedCampaign.asked = asked

    def run(self) -> dict[str, Any]:
        """Return the report."""
        if self.fails:
            raise StopError("running a campaign: it needs a real broker", fix="install Java 17 and Maven")
        return {"clean": self.clean, "kills": {"all": 3}}


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedCampaign]:
    """Return the campaign that will be run."""
    monkeypatch.setattr(module, "Campaign", ScriptedCampaign)
    for name, value in {"clean": True, "fails": False}.items():
        monkeypatch.setattr(ScriptedCampaign, name, value)
    monkeypatch.setattr(sys, "argv", ["chaos", "--data-dir", "there", "--kills", "7", "--seed", "3"])
    return ScriptedCampaign


def test_a_clean_campaign_exits_with_0(campaign: type[ScriptedCampaign], capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is the report alone; what was asked reaches the campaign."""
    assert module.main() == 0
    assert json.loads(capsys.readouterr().out) == {"clean": True, "kills": {"all": 3}}
    assert campaign.asked == (Path("there"), 7, 20, 1500, 3)


def test_a_broken_promise_exits_with_1(campaign: type[ScriptedCampaign], capsys: pytest.CaptureFixture[str]) -> None:
    """The report is printed all the same."""
    campaign.clean = False
    assert module.main() == 1
    assert json.loads(capsys.readouterr().out)["clean"] is False


def test_a_campaign_that_cannot_run_exits_with_its_own_code(
    campaign: type[ScriptedCampaign], capsys: pytest.CaptureFixture[str]
) -> None:
    """It proved nothing, which is neither 0 nor 1; the error is one line with the fix."""
    campaign.fails = True
    assert module.main() == module.EXIT_STOPPED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "install Java 17" in err


@pytest.mark.usefixtures("campaign")
def test_a_campaign_needs_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one nothing starts."""
    monkeypatch.setattr(sys, "argv", ["chaos"])
    with pytest.raises(SystemExit) as caught:
        module.main()
    assert caught.value.code == 2


def test_a_scenario_is_run_on_the_markets_named(
    campaign: type[ScriptedCampaign], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lasts as long as its changes need."""
    monkeypatch.setattr(module, "Replicas", campaign)
    words = ["--data-dir", "there", "--scenario", "scale", "--market", "okx.spot", "--market", "kraken.spot"]
    monkeypatch.setattr(sys, "argv", ["chaos", *words])
    assert module.main() == 0
    folder, scenario, options, spacing_s = campaign.asked
    assert (folder, scenario, options.markets) == (Path("there"), "scale", ("kraken.spot", "okx.spot"))
    assert (
        options.seconds
        == module.seconds("scale", spacing_s, 2 * options.symbols)
        > module.seconds("scale", spacing_s, 2)
    )
    assert json.loads(capsys.readouterr().out)["clean"] is True


def test_all_markets_are_named_at_once_and_a_wrong_one_is_one_line(
    campaign: type[ScriptedCampaign], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that nobody simulates would leave producers without anything to receive."""
    monkeypatch.setattr(module, "Replicas", campaign)
    words = ["chaos", "--data-dir", "there", "--scenario", "replace", "--market"]
    monkeypatch.setattr(sys, "argv", [*words, "all"])
    assert module.main() == 0
    assert campaign.asked[2].markets == markets()
    monkeypatch.setattr(sys, "argv", [*words, "okx.spto"])
    assert module.main() == module.EXIT_STOPPED
    assert "no such market: okx.spto" in capsys.readouterr().err
