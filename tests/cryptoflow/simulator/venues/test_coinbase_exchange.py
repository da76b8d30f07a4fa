"""The Exchange feed as simulated: acks, a heartbeat per product, frames, REST by id."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import Frame, RestAnswer, RestAsk, Row, Send, Start, Stop
from cryptoflow.simulator.venues.coinbase_exchange import VENUE, FeedSession
from cryptoflow.verify.venues.coinbase import Feed
from exchanges.coinbase import FEED

NOW_MS = 1_790_000_000_000


def market(steps: int = 0) -> tuple[SymbolMarket, list[Frame]]:
    """Make a market of one product and let some things happen."""
    listing = VENUE.listing("exchange", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 20)
    model.voice = VENUE.voice(model, frozenset(channel.key for channel in VENUE.channels(listing)))
    frames: list[Frame] = []
    for number in range(steps):
        model.step(NOW_MS + 10 * number, frames)
    return model, frames


def session(*held: str, refuses: str = "", model: SymbolMarket | None = None) -> FeedSession:
    """Make a connection that holds some streams."""
    voice = SimpleNamespace(model=model) if model else None
    desk: Any = SimpleNamespace(
        limits=VENUE.limits,
        streams=lambda: held,
        refuses=lambda key: key == refuses,
        knows=lambda _key: True,
        world=SimpleNamespace(now_ms=NOW_MS, voice=lambda *_: voice),
    )
    return FeedSession(VENUE, desk)


def told(action: Any) -> tuple[str, ...]:
    """Return the streams an answer lists, as the producer reads them."""
    assert isinstance(action, Send)
    answer = FEED.ack(action.payload)
    assert answer is not None
    assert not answer.error
    return answer.streams


def test_an_answer_lists_everything_and_then_data_comes() -> None:
    """What was active before is named too; heartbeats as well, though our reader passes over them (PROTOCOLS 6.1.2)."""
    ack, *starts = session("coinbase.exchange ticker:B-USD").on_text(
        FEED.subscribe(1, ["matches:A-USD", "level2_batch:A-USD"])
    )
    assert set(told(ack)) == {"ticker:B-USD", "matches:A-USD", "level2_batch:A-USD"}
    assert starts == [Start("coinbase.exchange matches:A-USD"), Start("coinbase.exchange level2_batch:A-USD")]
    assert isinstance(ack, Send)
    assert {"name": "heartbeat", "product_ids": ["A-USD"], "account_ids": None} in json.loads(ack.payload)["channels"]


def test_both_forms_of_a_request_are_understood() -> None:
    """Channels may be names with products beside them (PROTOCOLS 6.1.2)."""
    text = (
        b'{"type":"subscribe","product_ids":["A-USD"],"channels":["ticker",{"name":"matches","product_ids":["B-USD"]}]}'
    )
    _, *starts = session().on_text(text)
    assert starts == [Start("coinbase.exchange ticker:A-USD"), Start("coinbase.exchange matches:B-USD")]


def test_giving_up_is_answered_with_what_is_left() -> None:
    """After an unsubscribe the answer lists the rest."""
    one = session("coinbase.exchange ticker:A-USD", "coinbase.exchange ticker:B-USD")
    stop, ack = one.on_text(FEED.unsubscribe(1, ["ticker:A-USD"]))
    assert stop == Stop("coinbase.exchange ticker:A-USD")
    assert told(ack) == ("ticker:B-USD",)


def test_refused_products_are_errors_and_the_others_are_served() -> None:
    """A refused product has an error; the answer tells of the others."""
    one = session(refuses="coinbase.exchange ticker:B-USD")
    error, ack, start = one.on_text(FEED.subscribe(1, ["ticker:A-USD", "ticker:B-USD"]))
    assert isinstance(error, Send)
    refusal = FEED.ack(error.payload)
    assert refusal is not None
    assert "B-USD is not a valid product" in refusal.error
    assert told(ack) == ("ticker:A-USD",)
    assert start == Start("coinbase.exchange ticker:A-USD")


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"\xff",
        b'{"type":"ping","channels":[]}',
        b'{"type":"subscribe","channels":["level2"],"product_ids":["A-USD"]}',
        b'{"type":"subscribe","channel":"ticker"}',
    ],
)
def test_requests_the_venue_does_not_know_are_errors(text: bytes) -> None:
    """Broken JSON, another verb and a channel that needs authentication are refused (PROTOCOLS 6.1.1)."""
    (answer,) = session().on_text(text)
    assert isinstance(answer, Send)
    assert json.loads(answer.payload)["type"] == "error"


def test_every_product_beats_once_a_second() -> None:
    """A beat names the last trade of its product and is a control frame to us (PROTOCOLS 6.1.4)."""
    model, _ = market(200)
    one = session(model=model)
    assert not one.on_tick(1.0)
    one.on_text(FEED.subscribe(1, [f"ticker:{model.name}"]))
    beats = [action for now in range(20) for action in one.on_tick(5.0 + now / 4)]
    assert len(beats) == 5
    for beat in beats:
        assert isinstance(beat, Send)
        assert FEED.route(beat.payload).kind == "control"
        assert json.loads(beat.payload)["last_trade_id"] == model.trade_id
    one.on_text(b'{"type":"unsubscribe","channels":["heartbeat"],"product_ids":["%b"]}' % model.name.encode())
    assert not one.on_tick(99.0)


def test_frames_are_routed_to_their_stream() -> None:
    """Each frame made comes on the key it is made for, and reader and parser know it."""
    model, frames = market(400)
    kinds, tables = set(), set()
    for key, payload in frames:
        routed = FEED.route(payload)
        assert (routed.symbol, routed.stream) == (model.name, key.partition(" ")[2])
        kinds.add(routed.kind)
        tables |= {one.table for one in Feed().expected(payload)}
    assert kinds == {"trades", "quotes", "book"}
    assert tables == {"trades", "quotes", "book_deltas"}


def test_single_trades_have_ids_without_a_hole() -> None:
    """Every fill is told as its single trades, oldest first."""
    _, frames = market(400)
    ids = [json.loads(payload)["trade_id"] for key, payload in frames if "matches" in key]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_some_updates_have_a_senseless_time() -> None:
    """The year 1 occurs on updates (PROTOCOLS 6.1.6)."""
    _, frames = market(3000)
    times = [json.loads(payload)["time"] for key, payload in frames if "level2_batch" in key]
    assert 0 < sum(time.startswith("0001") for time in times) < len(times) / 10


def test_what_is_subscribed_begins_with_what_stands_now() -> None:
    """The book begins with all levels, trades with the last one, the ticker with the newest (PROTOCOLS 6.1.4)."""
    model, _ = market()
    keys = {key.partition(" ")[2].partition(":")[0]: key for key in model.voice.keys}
    assert [len(model.voice.on_subscribe(keys[name], NOW_MS)) for name in ("level2_batch", "matches", "ticker")] == [
        1,
        0,
        0,
    ]
    model, frames = market(400)
    (book,), (match,), (ticker,) = (
        model.voice.on_subscribe(keys[name], NOW_MS) for name in ("level2_batch", "matches", "ticker")
    )
    assert [FEED.route(frame).kind for frame in (book, match, ticker)] == ["book_snapshot", "trades", "quotes"]
    assert ticker == [payload for key, payload in frames if key == keys["ticker"]][-1]
    assert (json.loads(match)["type"], json.loads(match)["trade_id"]) == ("last_match", model.trade_id)
    rest = json.loads(model.voice.rest_snapshot(0, NOW_MS) or b"")
    assert [level[:2] for level in rest["bids"]] == json.loads(book)["bids"]


def test_trades_are_given_by_id() -> None:
    """The request our producer makes finds the trades from that id on, in the form its reader cuts."""
    model, _ = market(400)
    assert FEED.trade_fill is not None
    wanted = model.trade_id - 30
    request = FEED.trade_fill.request(model.name, wanted)
    ask = VENUE.rest_ask(request.path, request.query)
    assert isinstance(ask, RestAsk)
    assert (ask.kind, ask.symbol, ask.from_id, ask.limit) == ("trades", model.name, wanted, 1000)
    fills = [fill for fill in model.fills if fill.last_id >= ask.from_id]
    found = FEED.trade_fill.trades(model.name, model.voice.rest_trades(fills, ask.limit) or b"")
    assert {wanted, model.trade_id} <= {number for number, _ in found}


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        ("/products", {}, "instruments"),
        ("/products/stats", {}, "volumes"),
        ("/products/A-USD/book", {"level": "2"}, "snapshot"),
        ("/products/A-USD/trades", {}, "trades"),
    ],
)
def test_paths_are_known(path: str, query: dict[str, str], kind: str) -> None:
    """Each REST path asks for its kind."""
    ask = VENUE.rest_ask(path, query)
    assert isinstance(ask, RestAsk)
    assert ask.kind == kind


def test_bad_requests_are_refused() -> None:
    """Another level of the book, a page that is no number and an unknown path are no asks."""
    assert isinstance(VENUE.rest_ask("/products/A-USD/book", {}), RestAnswer)
    assert isinstance(VENUE.rest_ask("/products/A-USD/trades", {"after": "x"}), RestAnswer)
    assert VENUE.rest_ask("/nothing", {}) is None
    assert VENUE.rest_error(RestAsk("snapshot", "exchange"), 404, 0).status == 404


def test_lists_are_read_by_our_readers() -> None:
    """Products and volumes of the invented listings are what the market's readers take."""
    listings = [VENUE.listing("exchange", number, random.Random(number)) for number in range(1, 4)]
    world: Any = SimpleNamespace(listings=lambda _market: listings, recorded=lambda *_: ())
    products, volumes = (VENUE.rest_body(RestAsk(kind, "exchange"), world) for kind in ("instruments", "volumes"))
    assert isinstance(products, bytes)
    assert isinstance(volumes, bytes)
    names = [listing.symbol for listing in listings]
    assert [definition.native_symbol for definition, _ in FEED.instruments(products)] == names
    assert FEED.volumes is not None
    assert list(FEED.volumes(volumes)) == names


def test_recorded_frames_find_their_streams() -> None:
    """A recorded frame belongs to the stream of its product; answers and beats are left out."""
    url = "wss://ws-feed.exchange.coinbase.com"
    found = VENUE.recorded(Row(1, "c", "recv", url, b'{"type":"snapshot","product_id":"A-USD","bids":[],"asks":[]}'))
    assert found is not None
    assert (found.keys, found.kinds, found.snapshots) == (("coinbase.exchange level2_batch:A-USD",), ("book",), True)
    for data in (b'{"type":"heartbeat","product_id":"A-USD"}', b'{"type":"subscriptions","channels":[]}', b"{"):
        assert VENUE.recorded(Row(1, "c", "recv", url, data)) is None
    assert VENUE.recorded_listing("exchange", "A-USD", ()).quote == "USD"


@pytest.mark.parametrize("kind", ["matches", "ticker", "level2_batch"])
def test_what_is_spoiled_cannot_be_read(kind: str) -> None:
    """The patterns find a number and a field of every frame that a row needs."""
    _, frames = market(300)
    payload = next(text for key, text in frames if kind in key)
    parser = FEED.parsers[FEED.route(payload).kind]
    changed = VENUE.field_pattern.sub(b"", payload, count=1)
    assert changed != payload
    with pytest.raises(ValueError, match="missing required"):
        msgspec.json.decode(changed, type=parser.message)
    assert VENUE.number_pattern.search(payload)


def test_only_the_root_is_a_socket() -> None:
    """The venue has no path (PROTOCOLS 6.1.1)."""
    desk: Any = SimpleNamespace(limits=VENUE.limits)
    assert VENUE.session("/", desk) is not None
    assert VENUE.session("/ws", desk) is None
    assert VENUE.endpoints("exchange") == {endpoint.name: "" for endpoint in FEED.endpoints}
