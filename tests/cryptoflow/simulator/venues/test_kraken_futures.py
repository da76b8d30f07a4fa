"""Kraken Futures as simulated, read by the producer's and the agents' own rules."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from kraken_desk import KrakenWorld

from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.recording import plan_recording
from cryptoflow.simulator.venues._values import RestAsk, Row
from cryptoflow.simulator.venues.kraken_futures import HISTORY_MAX, VENUE
from exchanges import BookState, DeltaVerdict
from exchanges.kraken import FUTURES
from exchanges.kraken.futures.sequence import FirstDelta, FuturesBookRules
from schemas import Columns, topic_of

START_MS = 1_790_000_000_000
FULL = "kraken.futures"
RECORDING = Path(__file__).resolve().parents[5] / "shared/recordings/kraken_futures_20210722.jsonl.gz"


def generated(symbols: int = 8) -> GeneratedMarket:
    """Return a generated market at a fixed time."""
    options = SimulatorOptions(
        data_dir=Path("/nonexistent"), markets=(FULL,), symbols=symbols, seed=3, start_ms=START_MS
    )
    return GeneratedMarket(options)


def cells(kind: str, frame: bytes) -> Columns:
    """Parse one frame as the agents do."""
    parser = FUTURES.parsers[kind]
    columns = Columns(topic_of(parser.record))
    parser.append([msgspec.json.decode(frame, type=parser.message)], [0], columns)
    assert not columns.build()[1]
    return columns


def test_every_generated_frame_is_read_and_books_are_whole():
    """All kinds appear, on the streams they belong to; numbers rise by one from the snapshot on."""
    market, kinds, rules = generated(), Counter(), FuturesBookRules(FirstDelta.ENFORCE)
    states = defaultdict(BookState)
    frames = [(key, frame) for key in market.channels for frame in market.first_frames(key)]
    for key, frame in [*frames, *market.batch(20_000), *market.closing()]:
        routed = FUTURES.route(frame)
        assert key.partition(" ")[2] == routed.stream
        for part in routed.parts or [routed]:
            kinds[part.kind] += 1
            cells(part.kind, frame)
        if routed.kind == "book_snapshot":
            rules.on_snapshot(states[routed.symbol], FUTURES.peek_book(frame).last, in_stream=True)
        elif routed.kind == "book":
            peek = FUTURES.peek_book(frame)
            verdict = rules.on_delta(states[routed.symbol], peek.first, peek.last, peek.prev)
            assert verdict is DeltaVerdict.APPLIED
    assert set(kinds) == {"trades", "quotes", "book", "book_snapshot", "funding", "liquidations"}
    assert all(state.valid for state in states.values())


def test_history_is_the_newest_trades_newest_first():
    """Who subscribes trades late is told what was sent before, and nothing twice."""
    market = generated(1)
    (key,) = [key for key in market.channels if "trade:" in key]
    sent = [frame for one, frame in [*market.batch(3000), *market.closing()] if one == key]
    live = [json.loads(frame)["uid"] for frame in sent]
    assert any(b'"type":"liquidation"' in frame for frame in sent[-HISTORY_MAX:])
    (history,) = market.first_frames(key)
    told = [fill["uid"] for fill in json.loads(history)["trades"]]
    assert told == live[: -HISTORY_MAX - 1 : -1]
    assert cells("trades", history).values["history"] == [True] * HISTORY_MAX
    assert len(set(live)) == len(live)


def test_a_late_snapshot_is_the_book_of_the_deltas():
    """A book kept by deltas is the one a late subscriber is given."""
    market = generated(1)
    (key,) = [key for key in market.channels if "book:" in key]
    sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
    first = list(market.first_frames(key))
    out = [frame for one, frame in market.batch(3000) if one == key]

    class Outlet:
        def offer(self, _stream, frame):
            out.append(frame)

    market.outlet = Outlet()
    (late,) = market.first_frames(key)
    for frame in [*first, *out]:
        told = json.loads(frame, parse_float=str, parse_int=str)
        if told["feed"] == "book_snapshot":
            sides = {name: {level["price"]: level["qty"] for level in told[name]} for name in sides}
        else:
            side = sides["bids" if told["side"] == "buy" else "asks"]
            side[told["price"]] = told["qty"]
            if float(told["qty"]) <= 0:
                del side[told["price"]]
    wanted = json.loads(late, parse_float=str, parse_int=str)
    assert {name: {level["price"]: level["qty"] for level in wanted[name]} for name in sides} == sides


def test_zero_rates_are_left_out():
    """PROTOCOLS 7.2.3: a ticker has no zero-valued funding field, one of a dated contract none at all."""
    market, rates = generated(), Counter()
    for key, frame in market.batch(200_000):
        if "ticker:" not in key:
            continue
        told = json.loads(frame)
        rates["left out" if "relative_funding_rate" not in told else "told"] += 1
        assert told.get("relative_funding_rate", 1) != 0
        assert ("next_funding_rate_time" in told) is not told["product_id"].startswith("FI_")
    assert min(rates["left out"], rates["told"]) > 0


def test_instruments_and_volumes_are_read_by_the_producer():
    """Linear, inverse and dated contracts are defined as they are rendered."""
    listings = generated().listings(FULL)
    body = VENUE.rest_body(VENUE.rest_ask("/derivatives/api/v3/instruments", {}), KrakenWorld(listings))
    found = [one for one, _ in FUTURES.instruments(body)]
    assert [(one.native_symbol, one.inverse, one.kind) for one in found] == [
        (one.symbol, one.inverse, one.kind) for one in listings
    ]
    assert {(one.kind, one.inverse) for one in found} == {
        ("perpetual", False), ("perpetual", True), ("future", True),
    }  # fmt: skip
    volumes = FUTURES.volumes(VENUE.rest_body(VENUE.rest_ask("/derivatives/api/v3/tickers", {}), KrakenWorld(listings)))
    assert [*volumes] == [one.symbol for one in listings]
    recorded = body.replace(b'"result":"success"', b'"result":"recorded"')
    assert VENUE.rest_body(RestAsk("instruments", "futures"), KrakenWorld(listings, [recorded])) == recorded


@pytest.mark.parametrize("status", [404, 429, 503])
def test_refusals_are_told_from_answers(status):
    """An error stands in the body."""
    assert FUTURES.rest.refusal(VENUE.rest_error(RestAsk("instruments", "futures"), status, 1).body)


def test_other_paths_and_rows_are_left_out():
    """REST and WebSocket have the venue's own paths; control frames are not replayed."""
    assert VENUE.rest_ask("/derivatives/api/v3/orderbook", {}) is None
    assert VENUE.rest_ask("/instruments", {}) is None
    assert VENUE.session("/v2", None) is None
    for text in ('{"event":"subscribed","feed":"book","product_ids":["A"]}', '{"event":"info"}', "[]", "["):
        assert VENUE.recorded(Row(0, "c", "recv", "", text.encode())) is None
    assert VENUE.recorded(Row(0, "c", "rest", "https://x/derivatives/api/v3/tickers", b"")) is None


def test_contracts_of_a_recording_without_metadata_are_defined_by_their_names():
    """The last resort: kind, margin and end of a dated inverse contract."""
    one = VENUE.recorded_listing("futures", "FI_XBTUSD_300101", [])
    assert (one.base, one.settle, one.kind, one.inverse) == ("XBT", "XBT", "future", True)
    assert one.expires_ms == 1_893_456_000_000


@pytest.mark.skipif(not RECORDING.exists(), reason="recordings not present at ../shared/recordings")
def test_the_recording_is_replayed():
    """Books, trades and the reduced ticker of ten contracts, the recorded metadata, and a late snapshot."""
    plan = plan_recording([RECORDING])
    assert plan.markets == (FULL,)
    assert Counter(key.partition(" ")[2].partition(":")[0] for key in plan.channels) == {
        "book": 10, "trade": 10, "ticker_lite": 10,
    }  # fmt: skip
    assert len(FUTURES.instruments(plan.rest[FULL, "instruments"][0])) == 17
    key = f"{FULL} book:PI_ETHUSD"
    frames = [step.payload for step in plan.steps if step.keys == (key,)]
    assert len(frames) == 3891
    rules, state = FuturesBookRules(FirstDelta.ENFORCE), BookState()
    late = FUTURES.peek_book(VENUE.replayed_snapshot(key, frames[:1000]))
    rules.on_snapshot(state, late.last, in_stream=True)
    peek = FUTURES.peek_book(frames[1000])
    assert rules.on_delta(state, peek.first, peek.last, peek.prev) is DeltaVerdict.APPLIED
