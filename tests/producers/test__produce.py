"""The process refuses what it must before it opens anything, and damage in the spool is declared."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cryptoflow import events
from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.errors import BrokerAwayError, ConfigError
from exchanges.binance import EXCHANGE
from producers import Recorded, _kafka, produce, selections
from producers._egress import Egress
from producers._ipshards import IpShards
from producers._produce import _Run
from schemas import InstrumentDefinition, decode_raw

USDM_ALONE = [Recorded(EXCHANGE, ("usdm",))]


def settings(tmp_path: Path, **producer: Any) -> Settings:
    """Point at nothing."""
    own = Producer(**{"spool_dir": str(tmp_path), **producer})
    return Settings(environment="test", kafka=Kafka(bootstrap_servers="127.0.0.1:1"), producer=own)


async def test_a_wrong_source_is_refused_first(tmp_path: Path) -> None:
    """Neither broker nor venue is reached."""
    production = settings(tmp_path).model_copy(update={"environment": "production"})
    with pytest.raises(ConfigError, match="source test is refused in production"):
        await produce(production, USDM_ALONE, selections(["AAAUSDT"]), "test", asyncio.Event())


async def test_rival_channels_are_refused_but_for_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording has one channel per symbol, though its market may have several."""
    monkeypatch.setattr(_kafka, "METADATA_TIMEOUT_S", 0.3)
    two = settings(tmp_path, channels={"binance.usdm": ("aggTrade", "trade")})
    with pytest.raises(ConfigError, match="aggTrade and trade both bring trades"):
        await produce(two, USDM_ALONE, selections([]), "live", asyncio.Event())
    with pytest.raises(BrokerAwayError):
        await produce(two, USDM_ALONE, selections([]), "replay", asyncio.Event())


async def test_a_broker_that_is_away_at_start_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened, no spool is taken."""
    monkeypatch.setattr(_kafka, "METADATA_TIMEOUT_S", 0.3)
    with pytest.raises(BrokerAwayError):
        await produce(settings(tmp_path), USDM_ALONE, selections([]), "live", asyncio.Event())
    assert not os.listdir(tmp_path)  # noqa: PTH208 - one look at an empty folder


async def test_a_stop_is_heard_while_a_venue_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is recorded there is nothing to wait for."""
    stop = asyncio.Event()

    async def waits(_run: _Run, _stack: object) -> None:
        stop.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(_kafka, "check_topic", lambda *_: 1)
    monkeypatch.setattr(_Run, "prepare", waits)
    await asyncio.wait_for(produce(settings(tmp_path), USDM_ALONE, selections([]), "live", stop), 5)


async def test_kinds_that_no_market_has_are_refused(tmp_path: Path, recorder: Recorder) -> None:
    """Nothing would be recorded, and nobody would be told; one market that has them is enough."""
    spot = [Recorded(EXCHANGE, ("spot",))]
    own = settings(tmp_path, streams=("funding", "liquidations"))
    run = _Run(own, spot, selections([]), "test", lambda **_: None, Egress(IpShards(), 60))
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=r"binance\.spot has no stream of kind funding or liquidations"):
            await run.prepare(stack)
    await run.close()
    assert not recorder.values


class Recorder:
    """Be a client that keeps what it is given."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.values: list[bytes] = []

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Any) -> None:
        """Take and acknowledge a record."""
        del topic, key
        self.values.append(value)
        on_delivery(None, None)

    def poll(self, timeout: float) -> int:
        """Do nothing."""
        del timeout
        return 0

    def purge(self, *, in_queue: bool, in_flight: bool) -> None:
        """Do nothing."""


def run_of(own: Settings, on_facts: Any) -> _Run:
    """Make the parts of a process that records one market."""
    return _Run(own, USDM_ALONE, selections([]), "test", on_facts, Egress(IpShards(), 60))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Put a recorder in the place of the Kafka client."""
    one = Recorder()
    monkeypatch.setattr(_kafka, "connect", lambda _settings: one)
    return one


@pytest.mark.parametrize(("expression", "says"), [("quote=EUR", True), ("quote=USDT", False)])
async def test_an_expression_that_fits_nothing_is_told(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, expression: str, says: bool
) -> None:
    """A listing may come later, so the process waits; and says what it waits for."""
    told: list[events.NothingChosen] = []

    def emit(one: events.NothingChosen) -> None:
        told.append(one)

    async def load(_ownership: object) -> None: ...

    async def prepare(_market: object, wants: Any, _stack: object) -> None:
        wants([InstrumentDefinition("AAAUSDT", "AAA-USDT-PERP", "AAA", "USDT", "USDT", "perpetual", "on")], {})

    monkeypatch.setattr(events.NothingChosen, "emit", emit)
    monkeypatch.setattr("producers._ownership.Ownership.load", load)
    monkeypatch.setattr("producers._market.MarketRun.prepare", prepare)
    run = _Run(
        settings(tmp_path), USDM_ALONE, selections([expression]), "test", lambda **_: None, Egress(IpShards(), 60)
    )
    async with AsyncExitStack() as stack:
        await run.prepare(stack)
    await run.close()
    assert [one.detail for one in told] == ["choosing symbols: nothing that binance.usdm trades fits"] * says
    assert not recorder.values


async def test_damage_in_the_spool_is_a_gap_for_every_symbol(tmp_path: Path, recorder: Recorder) -> None:
    """Nobody knows whose frames the damaged part held, so every stream of every symbol is declared."""
    told: list[dict[str, Any]] = []
    run = run_of(settings(tmp_path), lambda **facts: told.append(facts))
    market = run._markets["binance", "usdm"]
    market.apply(("AAAUSDT", "BBBUSDT"))
    run._declare_damage()
    run._spool.damages += 1
    run._declare_damage()
    run._declare_damage()
    await run.close()
    records = [decode_raw(value) for value in recorder.values]
    assert [(record.symbol, [frame.k for frame in record.frames]) for record in records] == [
        ("AAAUSDT", ["gap"]), ("BBBUSDT", ["gap"]),
    ]  # fmt: skip
    assert all(b'"cause":"spool_damage"' in record.frames[0].payload() for record in records)
    assert told[-1]["detail"]["state"] == "stopping"
    assert told[-1]["detail"]["frames"]["own"]["published"] == 2


async def test_a_task_that_fails_is_raised(tmp_path: Path, recorder: Recorder) -> None:
    """No part of the process may end by an error unseen."""
    del recorder
    run = run_of(settings(tmp_path), lambda **_: None)

    async def broken() -> None:
        raise KeyError("a bug")

    task = asyncio.create_task(broken())
    await asyncio.wait([task])
    with pytest.raises(KeyError):
        run._check([task])
    await run.close()


async def test_a_full_queue_is_told_once(tmp_path: Path, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Above 80 % an event is written, again only after it was below."""
    del recorder
    run = run_of(settings(tmp_path, in_flight_max_records=1), lambda **_: None)
    run.publisher._in_flight_bytes = run._settings.producer.in_flight_max_bytes
    with caplog.at_level("WARNING", "cryptoflow"):
        run._measure(1)
        run._measure(1)
        run.publisher._in_flight_bytes = 0
        run._measure(1)
    assert [record.message for record in caplog.records].count("queue filling") == 1
    await run.close()
