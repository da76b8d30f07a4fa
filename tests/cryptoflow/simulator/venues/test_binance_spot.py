"""Binance spot as simulated."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from itertools import pairwise

import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues.binance_spot import VENUE

START_MS = 1_790_000_000_000


def _market(seed: int = 1) -> SymbolMarket:
    listing = VENUE.listing("spot", 1, random.Random(seed))
    model = SymbolMarket(listing, seed, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    return model


def _run(model: SymbolMarket, steps: int) -> list[tuple[str, dict]]:
    frames: list[tuple[str, bytes]] = []
    for number in range(steps):
        model.step(START_MS + 7 * number, frames)
    model.depth(START_MS + 7 * steps, frames)
    return [(key.partition("@")[2], json.loads(payload)["data"]) for key, payload in frames]


def test_deltas_have_no_holes_and_splice_on_any_snapshot() -> None:
    """PROTOCOLS 2.5: U is the u before plus one, and a snapshot lies inside an event or between two."""
    model = _market()
    _run(model, 300)
    body = json.loads(model.voice.rest_snapshot(1000, START_MS) or b"")
    deltas = [data for channel, data in _run(model, 1000) if channel == "depth@100ms"]
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(deltas))
    last = body["lastUpdateId"]
    kept = [data for data in deltas if data["u"] > last]
    assert kept[0]["U"] <= last + 1 <= kept[0]["u"]
    book = {side: dict(body[side]) for side in ("bids", "asks")}
    for data in kept:
        for side, levels in (("bids", data["b"]), ("asks", data["a"])):
            for price, size in levels:
                book[side].pop(price, None) if Decimal(size) == 0 else book[side].update({price: size})
    truth = json.loads(model.voice.rest_snapshot(5000, START_MS) or b"")
    assert book == {side: dict(truth[side]) for side in ("bids", "asks")}


def test_trades_can_be_asked_for_by_id() -> None:
    """The REST answer has the single trades of the stream, ids and sizes alike."""
    model = _market()
    told = {data["t"]: (data["p"], data["q"]) for channel, data in _run(model, 400) if channel == "trade"}
    asked = json.loads(model.voice.rest_trades(list(model.fills), 10_000) or b"")
    assert {row["id"]: (row["price"], row["qty"]) for row in asked} == told
    assert sorted(told) == list(range(min(told), max(told) + 1))


@pytest.mark.parametrize(("limit", "weight"), [(100, 5), (500, 25), (1000, 50), (5000, 250)])
def test_depth_weight(limit: int, weight: int) -> None:
    """PROTOCOLS 2.3; more levels than 5000 are refused."""
    assert VENUE.depth_weight(limit) == weight
    assert VENUE.takes_limit(limit)
    assert not VENUE.takes_limit(5001)


def test_quotes_have_no_time() -> None:
    """PROTOCOLS 2.4: no event name and no time."""
    quote = next(data for channel, data in _run(_market(), 50) if channel == "bookTicker")
    assert quote.keys() == {"u", "s", "b", "B", "a", "A"}
