"""Advanced Trade as simulated: what it sends is what our parsers and the independent reader read alike."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import Frame, RestAnswer, RestAsk, Row
from cryptoflow.simulator.venues.coinbase_advanced import PAGE_PRODUCTS, PRODUCTS, VENUE
from cryptoflow.verify.venues.coinbase import Advanced
from exchanges.coinbase import SPOT

NOW_MS = 1_790_000_000_000


def market(steps: int = 0) -> tuple[SymbolMarket, list[Frame]]:
    """Make a market of one product and let some things happen."""
    listing = VENUE.listing("spot", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    frames: list[Frame] = []
    for number in range(steps):
        model.step(NOW_MS + 10 * number, frames)
    return model, frames


def test_every_stream_is_one_the_producer_subscribes() -> None:
    """Keys carry our own stream names, and each kind has one."""
    listing = VENUE.listing("spot", 1, random.Random(1))
    names = [channel.key.partition(" ")[2] for channel in VENUE.channels(listing)]
    assert names == [SPOT.stream_name(stream, listing.symbol) for stream in SPOT.streams]


def test_frames_are_routed_to_their_stream() -> None:
    """Each frame made comes on the key it is made for and is of the product."""
    model, frames = market(400)
    kinds = set()
    for key, payload in frames:
        routed = SPOT.route(payload)
        assert (routed.symbol, routed.stream, routed.parts) == (model.name, key.partition(" ")[2], ())
        kinds.add(routed.kind)
    assert kinds == {"trades", "quotes", "book"}


def test_what_is_subscribed_begins_with_a_snapshot() -> None:
    """Book and ticker begin with what stands now, trades with the newest, where there are any (PROTOCOLS 6.2.4)."""
    model, _ = market()
    keys = {key.partition(" ")[2].partition(":")[0]: key for key in model.voice.keys}
    assert model.voice.on_subscribe(keys["market_trades"], NOW_MS) == ()
    model, _ = market(400)
    (book,), (ticker,), (trades,) = (
        model.voice.on_subscribe(keys[name], NOW_MS) for name in ("level2", "ticker", "market_trades")
    )
    assert [SPOT.route(frame).kind for frame in (book, ticker, trades)] == ["book_snapshot", "quotes", "trades"]
    ids = [int(trade["trade_id"]) for trade in json.loads(trades)["events"][0]["trades"]]
    assert ids == list(range(model.trade_id, model.trade_id - len(ids), -1))
    assert len(ids) == 100


def test_updates_lead_from_one_snapshot_to_the_next() -> None:
    """A late subscriber's snapshot is the first one with all updates sent since: what a replay gives, too."""
    model, _ = market()
    key = f"coinbase.spot level2:{model.name}"
    sent = [*model.voice.on_subscribe(key, NOW_MS)]
    frames: list[Frame] = []
    for number in range(500):
        model.step(NOW_MS + 10 * number, frames)
    model.depth(NOW_MS + 5000, frames)
    sent += [payload for name, payload in frames if name == key]
    rebuilt = VENUE.replayed_snapshot(key, sent)
    (wanted,) = model.voice.on_subscribe(key, NOW_MS)
    assert rebuilt is not None
    assert levels(rebuilt) == levels(wanted)
    assert VENUE.replayed_snapshot(f"coinbase.spot ticker:{model.name}", sent) is None


def levels(frame: bytes) -> list[tuple[str, Decimal, Decimal]]:
    """Return the levels of a snapshot in their order."""
    (event,) = json.loads(frame)["events"]
    return [(row["side"], Decimal(row["price_level"]), Decimal(row["new_quantity"])) for row in event["updates"]]


def test_taker_and_maker_are_opposite() -> None:
    """A taker who sells meets a maker who buys: the wire has BUY (PROTOCOLS 1.2)."""
    model, frames = market(400)
    sides = {fill.first_id: fill.taker_sells for fill in model.fills}
    for _, payload in frames:
        for event in json.loads(payload)["events"]:
            for trade in event.get("trades", ()):
                if (number := int(trade["trade_id"])) in sides:
                    assert trade["side"] == ("BUY" if sides[number] else "SELL")


def test_the_reader_reads_every_frame() -> None:
    """The independent reader finds in each frame what it is of."""
    _, frames = market(300)
    tables = {one.table for _, payload in frames for one in Advanced().expected(payload)}
    assert tables == {"trades", "quotes", "book_deltas"}


@pytest.mark.parametrize(
    ("data", "keys", "kind"),
    [
        (b'{"channel":"l2_data","events":[{"product_id":"A-USD","updates":[]}]}', ("level2:A-USD",), "book"),
        (
            b'{"channel":"market_trades","events":[{"trades":[{"product_id":"A-USD"},{"product_id":"B-USD"}]}]}',
            ("market_trades:A-USD", "market_trades:B-USD"),
            "trades",
        ),
        (b'{"channel":"ticker","events":[{"tickers":[{"product_id":"A-USD"}]}]}', ("ticker:A-USD",), "quotes"),
    ],
)
def test_recorded_frames_find_their_streams(data: bytes, keys: tuple[str, ...], kind: str) -> None:
    """A recorded frame belongs to the streams of all its products; books bring their snapshots."""
    found = VENUE.recorded(Row(1, "c", "recv", "wss://advanced-trade-ws.coinbase.com", data))
    assert found is not None
    assert found.keys == tuple(f"coinbase.spot {key}" for key in keys)
    assert (found.kinds, found.symbol, found.numbered, found.snapshots) == ((kind,), "A-USD", True, kind == "book")


@pytest.mark.parametrize(
    "data",
    [
        b'{"channel":"subscriptions","events":[{"subscriptions":{}}]}',
        b'{"channel":"heartbeats","events":[{"heartbeat_counter":1}]}',
        b'{"channel":"candles","events":[{"candles":[{"product_id":"A-USD"}]}]}',
        b'{"channel":"market_trades","events":[{"trades":[]}]}',
        b'{"type":"error"}',
        b"{",
    ],
)
def test_other_recorded_frames_are_left_out(data: bytes) -> None:
    """Answers, beats and candles are not replayed: the session makes its own."""
    assert VENUE.recorded(Row(1, "c", "recv", "wss://advanced-trade-ws.coinbase.com", data)) is None


def test_recorded_products_are_answered_again() -> None:
    """The recorded list is what the REST path gives; other recorded answers are left out."""
    found = VENUE.recorded(Row(1, "c", "rest", f"https://api.coinbase.com{PRODUCTS}?limit=1", b"{}"))
    assert found is not None
    assert found.rest == "instruments"
    assert VENUE.recorded(Row(1, "c", "rest", "https://api.coinbase.com/other", b"{}")) is None


def test_products_come_in_pages() -> None:
    """Our reader follows the pages to the end and finds every listing by name."""
    listings = [VENUE.listing("spot", number, random.Random(number)) for number in range(1, PAGE_PRODUCTS + 6)]
    world: Any = type("World", (), {"recorded": lambda *_: (), "listings": lambda *_: listings})()
    found = []
    request = SPOT.instruments_requests[0]
    for _ in range(2):
        ask = VENUE.rest_ask(request.path, request.query)
        assert isinstance(ask, RestAsk)
        body = VENUE.rest_body(ask, world)
        assert isinstance(body, bytes)
        found += [definition.native_symbol for definition, _ in SPOT.instruments(body)]
        further = SPOT.next_page(request, body)
        request = further or request
    assert further is None
    assert found == [listing.symbol for listing in listings]
    assert VENUE.rest_ask("/nothing", {}) is None


def test_refusals_are_the_venues_own() -> None:
    """Too many requests are told in the body (PROTOCOLS 6.2.3)."""
    answer = VENUE.rest_error(RestAsk("instruments", "spot"), 429, 1)
    assert isinstance(answer, RestAnswer)
    assert SPOT.rest.refusal(answer.body).startswith("rate_limit_exceeded")


def test_only_the_root_is_a_socket() -> None:
    """The venue has no path (PROTOCOLS 6.2.1)."""
    desk: Any = type("Desk", (), {"limits": VENUE.limits})()
    assert VENUE.session("", desk) is not None
    assert VENUE.session("/ws", desk) is None
    assert VENUE.endpoints("spot") == {endpoint.name: "" for endpoint in SPOT.endpoints}


@pytest.mark.parametrize("kind", ["market_trades", "ticker", "level2"])
def test_what_is_spoiled_cannot_be_read(kind: str) -> None:
    """The patterns find a number and a field of every frame that a row needs."""
    model, frames = market(300)
    payload = next(text for key, text in frames if kind in key)
    for changed in (
        VENUE.field_pattern.sub(b"", payload, count=1),
        VENUE.number_pattern.sub(b'"x":1', payload, count=1),
    ):
        assert changed != payload
        parser = SPOT.parsers[SPOT.route(payload).kind]
        with pytest.raises(ValueError, match="missing required"):
            __import__("msgspec").json.decode(changed, type=parser.message)
    assert model.name
