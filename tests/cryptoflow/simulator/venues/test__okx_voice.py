"""OKX's frames as simulated. PROTOCOLS 5.4, 5.5."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._okx import instrument
from cryptoflow.simulator.venues._okx_voice import KEEP_ALIVE_MS, SET_BACK
from cryptoflow.simulator.venues._values import Fill, Frame
from cryptoflow.simulator.venues.okx import VENUE
from cryptoflow.verify.venues._reader import readers
from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.okx import EXCHANGE

NOW_MS = 1_790_000_000_000
FILL = Fill(11, 13, 100, 9, taker_sells=True, at_ms=NOW_MS)


def market(name: str = "swap", steps: int = 0, number: int = 2, extra: str = "") -> tuple[SymbolMarket, list[Frame]]:
    """Make a market of one instrument (the second is inverse) and let some things happen."""
    listing = VENUE.listing(name, number, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    keys = {channel.key for channel in VENUE.channels(listing)}
    keys |= {VENUE.key(name, f"{extra}:{listing.symbol}")} if extra else set()
    model.voice = VENUE.voice(model, frozenset(keys))
    frames: list[Frame] = []
    for step in range(steps):
        model.step(NOW_MS + 10 * step, frames)
    return model, frames


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_frames_are_routed_to_their_stream(name: str) -> None:
    """Each frame comes on the key it is made for; our reader and that of `verify` know it."""
    model, frames = market(name, 3000)
    venue = EXCHANGE.markets[name]
    reader = readers()[f"okx.{name}"]
    reader.instruments(json.dumps({"data": [instrument(model.listing)]}))
    kinds, tables = set(), set()
    for key, payload in frames:
        routed = venue.route(payload)
        assert routed.stream == key.partition(" ")[2]
        kinds.add(routed.kind)
        tables |= {one.table for one in reader.expected(payload)}
        parts = routed.parts or (routed,)
        assert model.name in {part.symbol for part in parts} or "index-tickers" in key
        for part in parts:
            msgspec.json.decode(getattr(part, "raw", payload), type=venue.parsers[part.kind].message)
    wanted = (
        {"trades", "quotes", "book"} if name == "spot" else set(venue.parsers) - {"book_snapshot", "trades_backfill"}
    )
    assert kinds == wanted
    assert tables == {"book_deltas" if kind == "book" else kind for kind in wanted}


def test_books_are_whole_by_our_rules() -> None:
    """From the snapshot of whoever subscribes, through every reset, to the end."""
    model, frames = market()
    key = next(key for key in model.voice.keys if "books" in key)
    state, rules, peek = BookState(), EXCHANGE.markets["swap"].book_rules, EXCHANGE.markets["swap"].peek_book
    (snapshot,) = model.voice.on_subscribe(key, NOW_MS)
    assert rules.on_snapshot(state, peek(snapshot).last, in_stream=True) is SnapshotVerdict.SPLICED
    resets = 0
    for step in range(40_000):
        model.step(NOW_MS + 100 * step, frames)
        for stream, payload in frames:
            if stream == key:
                ids = peek(payload)
                resets += ids.last < ids.prev
                assert rules.on_delta(state, ids.first, ids.last, ids.prev) is DeltaVerdict.APPLIED
        frames.clear()
    assert state.valid
    assert resets > 1
    (again,) = model.voice.on_subscribe(key, NOW_MS)
    assert peek(again).last == state.last


def test_a_reset_goes_far_back() -> None:
    """So that no id comes twice in a run."""
    model, frames = market(steps=40_000)
    ids = [json.loads(payload)["data"][0]["seqId"] for key, payload in frames if "books" in key]
    assert len(set(ids)) == len(ids)
    assert max(ids) - min(ids) >= SET_BACK
    del model


def test_a_quiet_book_says_where_it_stands() -> None:
    """About every minute, with no levels and its own id twice (PROTOCOLS 5.5.3)."""
    model, _ = market(steps=100)
    frames: list[Frame] = []
    said = NOW_MS + 1_000_000
    model.voice.idle(said, frames)
    model.voice.idle(said + 1000, frames)
    model.voice.idle(said + KEEP_ALIVE_MS, frames)
    assert len(frames) == 2
    (data,) = json.loads(frames[0][1])["data"]
    assert (data["asks"], data["bids"], data["prevSeqId"]) == ([], [], data["seqId"])


def test_a_rest_book_joins_the_stream() -> None:
    """Its id is of the same space, between the last update sent and the next."""
    model, _ = market(steps=305)
    body = model.voice.rest_snapshot(400, NOW_MS)
    assert body is not None
    frames: list[Frame] = []
    model.depth(NOW_MS, frames)
    peek = EXCHANGE.markets["swap"].peek_book(next(payload for key, payload in frames if "books" in key))
    assert peek.prev <= EXCHANGE.markets["swap"].peek_snapshot(body).last <= peek.last


def test_an_aggregate_has_its_last_fills_id() -> None:
    """`trades` says how many fills, `trades-all` each of them (PROTOCOLS 5.4)."""
    model, _ = market(extra="trades-all")
    out: list[Frame] = []
    model.voice.trade(FILL, out)
    told: list[Any] = [json.loads(payload)["data"][0] for _, payload in out]
    assert [(one["tradeId"], one.get("count"), one["sz"]) for one in told] == [
        ("13", "3", "9"),
        ("11", None, "7"),
        ("12", None, "1"),
        ("13", None, "1"),
    ]


def test_trades_are_given_by_id_newest_first() -> None:
    """As our producer's reader cuts them."""
    model, _ = market()
    fill = EXCHANGE.markets["swap"].trade_fill
    body = model.voice.rest_trades([FILL], 2)
    assert fill is not None
    assert body is not None
    assert [number for number, _ in fill.trades(model.name, body)] == [11, 12]
    assert [entry["tradeId"] for entry in json.loads(body)["data"]] == ["12", "11"]
