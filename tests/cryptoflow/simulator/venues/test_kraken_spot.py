"""Kraken spot as simulated, read by the producer's and the agents' own rules."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from kraken_desk import KrakenWorld

from agents._levels import KeptBook
from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.recording import plan_recording
from cryptoflow.simulator.venues._values import Fill, RestAnswer, RestAsk
from cryptoflow.simulator.venues.kraken_spot import VENUE
from exchanges import Precisions
from exchanges.kraken import SPOT
from exchanges.kraken.spot.symbols import instrument
from schemas import Columns, topic_of

START_MS = 1_790_000_000_000
FULL = "kraken.spot"
RECORDING = Path(__file__).resolve().parents[5] / "shared/recordings/kraken_spot_v2_btcusd_20230730.jsonl.gz"


def generated(symbols: int = 3) -> GeneratedMarket:
    """Return a generated market at a fixed time."""
    options = SimulatorOptions(
        data_dir=Path("/nonexistent"), markets=(FULL,), symbols=symbols, seed=3, start_ms=START_MS
    )
    return GeneratedMarket(options)


def cells(kind: str, frame: bytes) -> Columns:
    """Parse one frame as the agents do."""
    parser = SPOT.parsers[kind]
    columns = Columns(topic_of(parser.record))
    parser.append([msgspec.json.decode(frame, type=parser.message)], [0], columns)
    assert not columns.build()[1]
    return columns


class Books:
    """Keep books as the agents do, and compare each checksum."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.books: defaultdict[str, KeptBook] = defaultdict(KeptBook)
        self.told: Counter[str] = Counter()

    def take(self, frame: bytes, depth: int, decimals: Precisions) -> None:
        """Apply one book frame."""
        routed = SPOT.route(frame)
        book, columns = self.books[routed.symbol], cells(routed.kind, frame)
        if routed.kind == "book_snapshot":
            book.begin(depth)
        book.apply(zip(*(columns.values[name] for name in ("side", "price", "size")), strict=True))
        (told,) = columns.values["checksum"]
        agrees = told == book.checksum(SPOT.book_check, decimals)
        self.told["absent" if told is None else "ok" if agrees else "mismatch"] += 1


def test_every_generated_frame_is_read_and_every_checksum_agrees():
    """All kinds appear, on the streams they belong to; also small numbers in scientific notation."""
    market, books, kinds = generated(), Books(), Counter()
    decimals = {one.symbol: Precisions(one.price_decimals, one.size_decimals) for one in market.listings(FULL)}
    frames = [(key, frame) for key in market.channels for frame in market.first_frames(key)]
    frames += market.batch(6000)
    for key, frame in frames:
        routed = SPOT.route(frame)
        stream = key.partition(" ")[2]
        assert SPOT.heard_as(stream) == routed.stream
        kinds[routed.kind] += 1
        if routed.kind.startswith("book"):
            books.take(frame, 100, decimals[routed.symbol])
        else:
            cells(routed.kind, frame)
    assert set(kinds) == {"trades", "quotes", "book", "book_snapshot"}
    assert books.told["ok"] > 100
    assert books.told["mismatch"] == 0
    assert any(b"e-08" in frame for _, frame in frames)


def test_the_depth_asked_for_is_kept():
    """A book of depth 10 shows ten levels a side, and its updates keep it so."""
    listing = VENUE.listing("spot", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 40)
    key = VENUE.key("spot", f"book@10:{listing.symbol}")
    model.voice = VENUE.voice(model, frozenset({key}))
    books, decimals = Books(), Precisions(listing.price_decimals, listing.size_decimals)
    frames = [frame for _, frame in enumerate(model.voice.on_subscribe(key, START_MS))]
    for now_ms in range(START_MS, START_MS + 50_000, 20):
        out = []
        model.step(now_ms, out)
        frames += [frame for _, frame in out]
    for frame in frames:
        books.take(frame, 10, decimals)
    book = books.books[listing.symbol]
    assert (len(book.bids), len(book.asks)) == (10, 10)
    assert books.told["mismatch"] == 0
    assert books.told["ok"] > 300


def test_a_late_subscriber_is_given_what_the_others_hold():
    """A snapshot in the middle agrees with the updates after it; some are preceded by a thin one without checksum."""
    market, thin = generated(5), 0
    market.batch(2000)
    for listing in market.listings(FULL):
        key = VENUE.key("spot", f"book@100:{listing.symbol}")
        books, decimals = Books(), Precisions(listing.price_decimals, listing.size_decimals)
        for frame in market.first_frames(key):
            books.take(frame, 100, decimals)
        for one, frame in market.batch(1000):
            if one == key:
                books.take(frame, 100, decimals)
        assert books.told["ok"] > 1
        assert books.told["mismatch"] == 0
        thin += books.told["absent"]
    assert thin == 1


def test_a_miscounted_frame_is_a_mismatch():
    """The fault that changes a level and not its checksum is seen at once."""
    market, seen = generated(), 0
    decimals = {one.symbol: Precisions(one.price_decimals, one.size_decimals) for one in market.listings(FULL)}
    books = Books()
    for key in market.channels:
        for frame in market.first_frames(key):
            if b'"book"' in frame:
                books.take(frame, 100, decimals[SPOT.route(frame).symbol])
    for _, frame in market.batch(3000):
        if b'"book"' not in frame:
            continue
        symbol = SPOT.route(frame).symbol
        held, before = books.books[symbol].copy(), books.told["mismatch"]
        spoiled = VENUE.miscounted(frame)
        if spoiled is not None:
            books.take(spoiled, 100, decimals[symbol])
            seen += books.told["mismatch"] - before
            assert books.told["mismatch"] > before
        books.books[symbol] = held
        books.take(frame, 100, decimals[symbol])
    assert seen > 20


def test_rest_answers_are_read_by_the_producer():
    """AssetPairs in the older names, volumes, trades with the ids of the socket."""
    market = generated()
    listings = market.listings(FULL)
    body = VENUE.rest_body(VENUE.rest_ask("/0/public/AssetPairs", {}), KrakenWorld(listings))
    found = {one.native_symbol: one for one, _ in SPOT.instruments(body)}
    assert [*found] == [one.symbol for one in listings]
    assert [(one.price_decimals, one.size_decimals) for one in found.values()] == [
        (one.price_decimals, one.size_decimals) for one in listings
    ]
    volumes = SPOT.volumes(VENUE.rest_body(VENUE.rest_ask("/0/public/Ticker", {}), KrakenWorld(listings)))
    assert [*volumes] == [*found]
    assert len(set(volumes.values())) == len(volumes)
    name = listings[0].symbol
    sent = [frame for key, frame in market.batch(2000) if key.endswith(f"trade:{name}")]
    ids = [row for frame in sent for row in cells("trades", frame).values["trade_id"]]
    request = SPOT.trade_fill.request(name, ids[0])
    ask = VENUE.rest_ask(request.path, request.query)
    fills = SPOT.trade_fill.trades(name, market.trades(FULL, ask.symbol, ask.from_id, ask.limit))
    assert [one for one, _ in fills] == ids
    by_id = {one: cells("trades_backfill", raw).values for one, raw in fills}
    for frame in sent:
        wire = cells("trades", frame).values
        for place, number in enumerate(wire["trade_id"]):
            assert wire["exchange_ns"][place] == by_id[number]["exchange_ns"][0]
            assert wire["side"][place] == by_id[number]["side"][0]


def test_btc_is_called_xbt_over_rest():
    """Recorded BTC/USD is listed under its older name, as the venue does."""
    listing = VENUE.recorded_listing("spot", "BTC/USD", [])
    body = VENUE.rest_body(RestAsk("instruments", "spot"), KrakenWorld([listing]))
    assert b'"wsname":"XBT/USD"' in body
    assert SPOT.instruments(body)[0][0].native_symbol == "BTC/USD"
    assert instrument(SPOT.instruments(body)[0][1]).symbol == "BTC-USD"


@pytest.mark.parametrize(("status", "sent"), [(200, 200), (404, 200), (429, 429), (503, 503)])
def test_refusals_are_told_from_answers(status, sent):
    """A limit is refused with status 200 and an error in the body (PROTOCOLS 7.1.3)."""
    answer = VENUE.rest_error(RestAsk("instruments", "spot"), status, 1)
    assert isinstance(answer, RestAnswer)
    assert answer.status == sent
    assert SPOT.rest.refusal(answer.body)


def test_other_paths_do_not_exist():
    """REST and WebSocket have the venue's own paths."""
    assert VENUE.rest_ask("/0/public/Depth", {}) is None
    assert VENUE.rest_ask("/1/public/Ticker", {}) is None
    assert VENUE.session("/v1", None) is None
    assert VENUE.endpoints("spot") == {"v2": "/v2"}


def test_a_taker_of_several_makers_is_one_frame():
    """Several trades share a frame, ids in order."""
    listing = VENUE.listing("spot", 1, random.Random(1))
    model = SymbolMarket(listing, 1, 40)
    voice = VENUE.voice(model, frozenset({VENUE.key("spot", f"trade:{listing.symbol}")}))
    out = []
    voice.trade(Fill(7, 9, 500, 30, taker_sells=True, at_ms=START_MS), out)
    assert cells("trades", out[0][1]).values["trade_id"] == [7, 8, 9]


@pytest.mark.skipif(not RECORDING.exists(), reason="recordings not present at ../shared/recordings")
def test_the_recording_is_replayed_at_its_depth():
    """Its frames go to depth 10, its decimals are found by its checksum, a late subscriber gets a true snapshot."""
    plan = plan_recording([RECORDING])
    assert list(plan.channels) == ["kraken.spot book@10:BTC/USD"]
    (listing,) = plan.listings(FULL)
    assert (listing.price_decimals, listing.size_decimals) == (1, 8)
    assert len(plan.steps) == 510
    frames = [step.payload for step in plan.steps]
    (key,) = plan.channels
    late = VENUE.replayed_snapshot(key, frames[:200])
    books = Books()
    for frame in [late, *frames[200:]]:
        books.take(frame, 10, Precisions(1, 8))
    assert books.told == {"ok": 311}
