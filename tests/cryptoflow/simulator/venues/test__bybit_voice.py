"""Bybit's frames as simulated. PROTOCOLS 4.4, 4.6."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._bybit_voice import REPEAT_MS
from cryptoflow.simulator.venues._values import Fill, Frame, Liquidation
from cryptoflow.simulator.venues.bybit import VENUE
from cryptoflow.verify.venues._reader import readers
from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.bybit import EXCHANGE, LINEAR

NOW_MS = 1_790_000_000_000
FILL = Fill(11, 13, 100, 9, taker_sells=True, at_ms=NOW_MS)


def market(name: str = "linear", steps: int = 0, number: int = 1) -> tuple[SymbolMarket, list[Frame]]:
    """Make a market of one instrument (every third contract is dated) and let some things happen."""
    listing = VENUE.listing(name, number, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    frames: list[Frame] = []
    for step in range(steps):
        model.step(NOW_MS + 10 * step, frames)
    return model, frames


def told(frames: list[Frame], channel: str) -> list[Any]:
    """Return the frames of a channel."""
    return [json.loads(payload) for key, payload in frames if f" {channel}." in key]


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_frames_are_routed_to_their_stream(name: str) -> None:
    """Each frame comes on the key it is made for; our reader and that of `verify` know it."""
    model, frames = market(name, 3000)
    venue = EXCHANGE.markets[name]
    reader = readers()[f"bybit.{name}"]
    kinds, tables = set(), set()
    for key, payload in frames:
        routed = venue.route(payload)
        assert (routed.stream, routed.symbol) == (key.partition(" ")[2], model.name)
        kinds.add(routed.kind)
        tables |= {one.table for one in reader.expected(payload)}
        msgspec.json.decode(payload, type=venue.parsers[routed.kind].message)
    assert kinds | {"book_snapshot"} == set(venue.parsers)
    names = {"book": "book_deltas", "book_snapshot": "book_snapshots"}
    assert tables == {names.get(kind, kind) for kind in kinds}


def test_books_are_whole_by_our_rules() -> None:
    """From the snapshot of whoever subscribes, through every restart, to the end."""
    model, frames = market()
    key = next(key for key in model.voice.keys if "orderbook.200" in key)
    state, rules, peek = BookState(), LINEAR.book_rules, LINEAR.peek_book
    (snapshot,) = model.voice.on_subscribe(key, NOW_MS)
    assert rules.on_snapshot(state, peek(snapshot).last, in_stream=True) is SnapshotVerdict.SPLICED
    forms = []
    for step in range(6_000):
        model.step(NOW_MS + 100 * step, frames)
        for stream, payload in frames:
            if stream == key:
                ids = peek(payload)
                if ids.snapshot:
                    forms.append(json.loads(payload)["type"])
                    assert rules.on_snapshot(state, ids.last, in_stream=True) is SnapshotVerdict.SPLICED
                    assert LINEAR.route(payload).kind == "book_snapshot"
                    assert VENUE.spares(payload)
                else:
                    assert rules.on_delta(state, ids.first, ids.last, ids.prev) is DeltaVerdict.APPLIED
                    assert not VENUE.spares(payload)
        frames.clear()
    assert state.valid
    assert forms[:3] == ["snapshot", "delta", "snapshot"]
    (again,) = model.voice.on_subscribe(key, NOW_MS)
    assert peek(again).last == state.last


def test_the_best_is_said_again_under_its_id() -> None:
    """After three seconds without a change (PROTOCOLS 4.4), and to whoever subscribes."""
    model, frames = market(steps=50)
    last = told(frames, "orderbook.1")[-1]
    out: list[Frame] = []
    said_ms = last["ts"]
    model.voice.idle(said_ms + REPEAT_MS - 1, out)
    assert out == []
    model.voice.idle(said_ms + REPEAT_MS, out)
    model.voice.idle(said_ms + REPEAT_MS + 1, out)
    (again,) = told(out, "orderbook.1")
    assert again == {**last, "ts": said_ms + REPEAT_MS}
    key = next(key for key in model.voice.keys if "orderbook.1." in key)
    (first,) = model.voice.on_subscribe(key, said_ms + 1)
    assert json.loads(first)["data"] == last["data"]


def test_one_frame_has_all_fills_of_a_trade() -> None:
    """Digits are the ids on spot and UUIDs on linear; the order of keys differs (PROTOCOLS 4.4, 4.7)."""
    for name in EXCHANGE.markets:
        model, _ = market(name)
        out: list[Frame] = []
        model.voice.trade(FILL, out)
        (frame,) = told(out, "publicTrade")
        assert [one["S"] for one in frame["data"]] == ["Sell"] * 3
        assert [one["i"].isdigit() for one in frame["data"]] == [name == "spot"] * 3
        assert len({one["i"] for one in frame["data"]}) == 3
        assert [*frame][1:3] == (["ts", "type"] if name == "spot" else ["type", "ts"])


def test_tickers_tell_what_changed() -> None:
    """A snapshot first, then less; some tell nothing that is a row. Who subscribes gets all of it."""
    model, frames = market(steps=2000)
    found = told(frames, "tickers")
    assert [one["type"] for one in found[:2]] == ["snapshot", "delta"]
    assert {one["type"] for one in found[1:]} == {"delta"}
    known: dict[str, str] = {}
    for one in found:
        assert all(known.get(name) != value for name, value in one["data"].items() if name != "symbol")
        known |= one["data"]
    reader = readers()["bybit.linear"]
    payloads = [payload for key, payload in frames if "tickers" in key]
    rowless = [payload for payload in payloads if not reader.expected(payload)]
    assert 0 < len(rowless) < len(payloads) / 2
    assert [payload for payload in payloads if VENUE.spares(payload)] == rowless
    key = next(key for key in model.voice.keys if "tickers" in key)
    (snapshot,) = model.voice.on_subscribe(key, NOW_MS)
    assert json.loads(snapshot)["data"] == known
    assert "fundingIntervalHour" in known


def test_a_dated_future_has_no_funding() -> None:
    """Its fields are empty or absent (PROTOCOLS 4.4)."""
    _, frames = market(steps=300, number=3)
    snapshot, *deltas = told(frames, "tickers")
    assert snapshot["data"]["fundingRate"] == ""
    assert "fundingIntervalHour" not in snapshot["data"]
    assert not any("fundingRate" in one["data"] for one in deltas)


def test_liquidations_tell_the_position() -> None:
    """`S` is its side (PROTOCOLS 1.3); genuine twins come in one frame."""
    model, _ = market()
    out: list[Frame] = []
    for at in range(3):
        model.voice.liquidation(Liquidation(is_long=True, ticks=100, size=9, at_ms=NOW_MS + at), out)
    found = told(out, "allLiquidation")
    assert {one["S"] for frame in found for one in frame["data"]} == {"Buy"}
    assert [len(frame["data"]) for frame in found] == [1, 1, 2]
    closed = readers()["bybit.linear"].expected(out[2][1])
    assert [(one.key, len(one.rows)) for one in closed] == [(((NOW_MS + 2) * 1_000_000, "sell", "0.009", "10"), 2)]


def test_a_rest_book_counts_the_deepest_stream() -> None:
    """1000 levels (PROTOCOLS 4.5): it joins no other."""
    listing = VENUE.listing("linear", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    key = VENUE.key("linear", f"orderbook.1000.{listing.symbol}")
    model.voice = VENUE.voice(model, frozenset({key}))
    body = model.voice.rest_snapshot(5, NOW_MS)
    assert body is not None
    (snapshot,) = model.voice.on_subscribe(key, NOW_MS)
    assert LINEAR.peek_snapshot(body).last == LINEAR.peek_book(snapshot).last
    assert len(json.loads(body)["result"]["b"]) == 5
