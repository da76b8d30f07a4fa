"""What venues list is read from REST or from files, and nothing is subscribed for it."""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptoflow import registry
from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack.mockbroker import serve
from producers import _look
from producers._ask import order_count, order_symbols
from producers._choose import selections
from producers._look import look, plan, read_listed
from producers._orders import REPLICAS, SYMBOLS
from producers._produce import Recorded
from producers._record import record
from tests.doubles.venue_run import venue

EXCHANGES = registry.load("exchanges", "EXCHANGE")
VENUES = [Recorded(EXCHANGES["binance"], ("usdm",))]
USDM = ("binance", "usdm")
NOWHERE = {f"binance.usdm.{name}": "ws://127.0.0.1:1" for name in ("public", "market")}


def listing(*symbols: str) -> bytes:
    """Invent an exchangeInfo body."""
    entries: list[dict[str, Any]] = [
        {
            "symbol": name, "pair": name, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
            "status": "TRADING", "baseAsset": name[:3], "quoteAsset": "USDT", "marginAsset": "USDT", "filters": [],
        }
        for name in symbols
    ]  # fmt: skip
    return msgspec.json.encode({"symbols": entries})


VOLUMES = b'[{"symbol":"AAAUSDT","quoteVolume":"5.5"},{"symbol":"BBBUSDT","quoteVolume":"9"}]'


def test_bodies_of_rest_answers_are_told_apart() -> None:
    """Pages of instruments add up; traded values are recognised."""
    bodies = {USDM: [listing("AAAUSDT"), listing("BBBUSDT"), VOLUMES]}
    definitions, volumes = read_listed(VENUES, bodies)[USDM]
    assert [one.native_symbol for one in definitions] == ["AAAUSDT", "BBBUSDT"]
    assert volumes == {"AAAUSDT": Decimal("5.5"), "BBBUSDT": Decimal(9)}
    assert read_listed(VENUES, {}) == {}


@pytest.mark.parametrize("body", [b"", b"rubbish", b'{"symbols":[]}', b"[" * 100_000])
def test_anything_else_is_one_line(body: bytes) -> None:
    """It names the market and what to give."""
    with pytest.raises(ConfigError, match="reading instruments of usdm") as caught:
        read_listed(VENUES, {USDM: [body]})
    assert "REST answer" in str(caught.value.fix)


async def test_a_plan_from_files_reaches_nobody() -> None:
    """Neither REST nor sockets; names and top= are chosen from the files."""
    settings = Settings(
        environment="test", producer=Producer(endpoints={**NOWHERE, "binance.usdm.rest": "http://127.0.0.1:1"})
    )
    bodies = {USDM: [listing("AAAUSDT", "BBBUSDT"), VOLUMES]}
    found = await plan(settings, VENUES, selections(["top=1"]), bodies)
    assert [share.symbols for share in found.shares] == [("BBBUSDT",)]
    with pytest.raises(ConfigError, match="NOPE is not listed"):
        await plan(settings, VENUES, selections(["NOPE"]), bodies)
    with pytest.raises(ConfigError, match=r"nothing that binance\.usdm trades fits; widen the expression"):
        await plan(settings, VENUES, selections(["quote=EUR"]), bodies)
    with pytest.raises(ConfigError, match="okx: is not recorded"):
        await plan(settings, VENUES, selections(["okx: all"]), bodies)
    settings.producer.channels["binance.usdm"] = ("trade", "aggTrade")
    with pytest.raises(ConfigError, match="trade and aggTrade both bring trades"):
        await plan(settings, VENUES, selections(["top=1"]), bodies)


async def test_a_pinned_symbol_that_no_market_lists_is_told(tmp_path: Path) -> None:
    """It may be a slip of the pen, and its symbol leaves from the pool; one of a market not planned may be right."""
    path = tmp_path / "ip_shards.yml"
    path.write_text(
        "shards: [{ip: 10.0.0.1, binance_usdm_symbols: [AAAUSDT, AAUSDT], binance_symbols: [SPOTUSDT]}]\n"
        "egress_pool: [10.0.0.2]\n",
        "utf-8",
    )
    settings = Settings(producer=Producer(ip_shards_file=str(path)))
    found = await plan(settings, VENUES, selections([]), {USDM: [listing("AAAUSDT")]})
    assert [note for note in found.notes if "ip_shards" in note] == [
        "producer.ip_shards_file pins binance AAUSDT, which no market lists"
    ]


async def test_what_was_ordered_is_counted_where_the_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As running producers follow it; else the plan says that it is not counted."""
    bodies = {USDM: [listing("AAAUSDT", "BBBUSDT")]}
    kafka = Kafka(prefix=f"p{uuid.uuid4().hex[:6]}.")
    servers = serve({kafka.control_topic(name): 1 for name in (SYMBOLS, REPLICAS)})
    settings = Settings(kafka=Kafka(prefix=kafka.prefix, bootstrap_servers=servers))
    order_count(settings, [USDM], 3)
    order_symbols(settings, [USDM], ["BBBUSDT"], "removed")
    found = await plan(settings, VENUES, selections(["all"]), bodies)
    assert found.notes == ("binance.usdm: 3 replicas are ordered", "binance.usdm.BBBUSDT: removed by order")
    assert [share.symbols for share in found.shares if share.symbols] == [("AAAUSDT",)]
    assert len(found.shares) == 3
    found = await plan(settings, VENUES, selections(["all"]), bodies, as_many=True)
    assert len(found.shares) == 1
    monkeypatch.setattr(_look, "_ORDERS_S", 0.2)
    for servers in ("", "127.0.0.1:1"):
        alone = Settings(kafka=Kafka(bootstrap_servers=servers))
        (note,) = (await plan(alone, VENUES, selections(["all"]), bodies)).notes
        assert "are not counted" in note


async def test_over_rest_only_lists_are_asked_for(tmp_path: Path) -> None:
    """Sockets that lead nowhere do not matter; traded values are asked for where they decide."""
    async with venue(tmp_path, symbols=3) as run:
        endpoints = {**run.endpoints, **NOWHERE}
        settings = Settings(environment="test", producer=Producer(endpoints=endpoints))
        found = await look(settings, VENUES, selections(["all"]))
        definitions, volumes = found[USDM]
        assert (len(definitions), volumes) == (3, {})
        assert len((await look(settings, VENUES, selections(["top=2"])))[USDM][1]) == 3
        foretold = await plan(settings, VENUES, selections(["top=2"]), {})
        assert [len(share.symbols) for share in foretold.shares] == [2]
        assert foretold.shares[0].weights[0].start == 1 + 40 + 2 * 20


@pytest.mark.parametrize("market", ["binance.usdm", "okx.futures", "coinbase.spot", "kraken.futures", "bybit.spot"])
async def test_a_session_opens_and_asks_what_the_plan_said(market: str, tmp_path: Path) -> None:
    """Connections per host, and requests of each, as counted in a recording of the session."""
    exchange, _, name = market.partition(".")
    venues = [Recorded(EXCHANGES[exchange], (name,))]
    path = tmp_path / "a.jsonl.gz"
    async with venue(tmp_path / "venue", markets=(market,), symbols=40, rate_fps=50) as run:
        settings = Settings(environment="test", producer=Producer(endpoints=run.endpoints))
        (share,) = (await plan(settings, venues, selections(["all"]), {})).shares
        told = await record(settings, venues, selections(["all"]), path, 0.1, 1 << 30, asyncio.Event())
    assert told.complete
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    heartbeats = {one.heartbeat.decode() for one in venues[0].exchange.markets[name].endpoints if one.heartbeat}
    asked: dict[str, int] = {row["conn"]: 0 for row in rows if row["ev"] == "open"}
    for row in rows:
        if row["ev"] == "send" and row["data"] not in heartbeats:
            asked[row["conn"]] += 1
    assert sorted(asked.values()) == sorted(one.requests for one in share.connections)
    assert {conn.partition(".ws.")[0] for conn in asked} == {one.host.partition(":")[0] for one in share.connections}
