"""A demo's wishes become the simulator's command and the stages' settings."""

from __future__ import annotations

import stat
from pathlib import Path

import yaml
from pydantic import SecretStr

from cryptoflow.config import Catalog, Kafka, Producer, Settings
from cryptoflow.demo.options import FRAMES_DEFAULT, DemoOptions
from cryptoflow.demo.plan import (
    FLUSH_INTERVAL_S,
    LATER_BOOKS_S,
    PATIENCE,
    MarketPlan,
    Plan,
    cli,
    overlay,
    simulate_command,
    write_config,
)
from cryptoflow.localstack import record

URLS = {
    "binance.usdm.public": "ws://127.0.0.1:1/public",
    "binance.usdm.market": "ws://127.0.0.1:1/market",
    "binance.usdm.rest": "http://127.0.0.1:2",
}
PLAN = Plan("replay", (MarketPlan("binance.usdm", ("BTCUSDT",), ("depth@0ms",)),))
GENERATED = Plan("test")


def told(options: DemoOptions) -> dict[str, list[str]]:
    """Return the values of each option of the simulator's command."""
    words = simulate_command(options, Path("data"))[len(cli()) + 1 :]
    found: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        found.setdefault(name, []).append(value)
    return found


def test_a_generated_market_ends_by_frames_by_time_or_never() -> None:
    """`once` without an end gets the default number of frames; a time wins over it."""
    assert told(DemoOptions(frames=7))["--frames"] == ["7"]
    assert told(DemoOptions(once=True))["--frames"] == [str(FRAMES_DEFAULT)]
    assert told(DemoOptions())["--frames"] == ["0"]
    timed = told(DemoOptions(once=True, seconds=3.5))
    assert timed["--for"] == ["3.5"]
    assert "--frames" not in timed


def test_the_market_is_the_one_asked_for() -> None:
    """Symbols, rate, faults and seed reach the simulator."""
    found = told(DemoOptions(symbols=3, rate=50, faults="gap,stale", seed=9))
    assert (found["--symbols"], found["--rate"]) == (["3"], ["50"])
    assert (found["--faults"], found["--seed"], found["--data-dir"]) == (["gap,stale"], ["9"], ["data"])


def test_recordings_are_replayed_instead(tmp_path: Path) -> None:
    """All recordings are named by whole path, and nothing is generated beside them."""
    found = told(DemoOptions(recordings=(Path("a.gz"), tmp_path / "b.gz")))
    assert found["--recording"] == [str(Path("a.gz").resolve()), str(tmp_path / "b.gz")]
    assert not {"--symbols", "--rate", "--frames", "--for"} & found.keys()


def test_the_overlay_points_every_endpoint_at_the_simulator(tmp_path: Path) -> None:
    """Each endpoint of the market has the simulator's URL; rows show after seconds."""
    found = overlay(PLAN, URLS, tmp_path)
    assert found["producer"]["endpoints"] == URLS
    assert found["producer"]["channels"] == {"binance.usdm": ["depth@0ms"]}
    assert found["producer"]["spool_dir"] == str(tmp_path / "spool")
    assert found["sinks"]["flush_age_s"] == FLUSH_INTERVAL_S
    assert overlay(GENERATED, URLS, tmp_path)["producer"]["channels"] == {}


def test_only_a_replay_may_be_silent(tmp_path: Path) -> None:
    """A replay ends and has another speed than its venue; a generated market keeps the producer's limits."""
    replayed, generated = (overlay(plan, URLS, tmp_path)["producer"] for plan in (PLAN, GENERATED))
    assert {name: replayed[name] for name in PATIENCE} == PATIENCE
    assert not PATIENCE.keys() & generated.keys()
    assert PATIENCE.keys() <= Producer.model_fields.keys()


def test_books_that_were_recorded_later_are_asked_for(tmp_path: Path) -> None:
    """A recording that holds one book of each symbol needs no schedule."""
    later = Plan("replay", PLAN.markets, later_books=True)
    assert overlay(later, URLS, tmp_path)["producer"]["snapshot_interval_s"] == LATER_BOOKS_S
    assert "snapshot_interval_s" not in overlay(PLAN, URLS, tmp_path)["producer"]


def test_the_written_file_is_the_stack_with_the_overlay(tmp_path: Path) -> None:
    """What the overlay names changes, all else is the stack's, and only the owner reads the file."""
    path = tmp_path / "demo.yaml"
    settings = Settings(
        kafka=Kafka(bootstrap_servers="127.0.0.1:9", partitions=4),
        catalog=Catalog(secret_key=SecretStr("shown")),
    )
    write_config(path, settings, overlay(PLAN, URLS, tmp_path))
    values = yaml.safe_load(path.read_text("utf-8"))
    read = record.exactly(values)
    assert read.kafka == settings.kafka
    assert read.catalog == settings.catalog
    assert read.producer.endpoints["binance.usdm.rest"] == URLS["binance.usdm.rest"]
    assert read.producer.snapshot_interval_s == settings.producer.snapshot_interval_s
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


def test_markets_reach_the_simulator() -> None:
    """All that are wanted are named; Binance USD-M unless others are."""
    assert told(DemoOptions())["--markets"] == ["binance.usdm"]
    assert told(DemoOptions(markets=("okx.swap", "kraken.spot")))["--markets"] == ["okx.swap,kraken.spot"]


def test_one_producer_records_every_market() -> None:
    """Symbols of one market are not asked for in another; endpoints of other markets are not given."""
    plan = Plan(
        "replay", (MarketPlan("okx.swap", ("A-USD", "B-USD")), MarketPlan("okx.spot"), MarketPlan("x.y", ("C",)))
    )
    assert plan.exchanges == ("okx", "x")
    asked = (
        "--exchange okx --exchange x --market okx.swap --market okx.spot --market x.y "
        "--symbols okx.swap:A-USD,B-USD --symbols x.y:C --source replay"
    )
    assert plan.producer_words() == asked.split()
    assert overlay(plan, {**URLS, "x.y.rest": "u"}, Path("d"))["producer"]["endpoints"] == {"x.y.rest": "u"}


def test_old_dialects_are_told_to_the_stages() -> None:
    """A recording of a retired format is read as of its date."""
    plan = Plan("replay", dialects={"okx": "2022-05-13T00:00:00Z"})
    assert overlay(plan, URLS, Path("d"))["dialects"] == {"okx": "2022-05-13T00:00:00Z"}
    assert "dialects" not in overlay(PLAN, URLS, Path("d"))
