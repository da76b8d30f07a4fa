"""A recorded Advanced Trade session goes through route, parse and rules and gives the reference's figures."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import BookState, DeltaVerdict, RouteError, SnapshotVerdict
from exchanges.coinbase import SPOT
from schemas import Columns, topic_of

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
NAME = "coinbase_advanced_20260809"
KINDS = {"trade": "trades", "ticker": "quotes", "book_delta": "book", "book_snapshot": "book_snapshot"}
TOP = 10

pytestmark = pytest.mark.skipif(
    not (RECORDINGS / "expected.json").exists(), reason="recordings not present at ../shared/recordings"
)


class Session:
    """The recording in receive order: raw frames per (kind, symbol), the connection's numbers, what the rules said."""

    def __init__(self) -> None:
        """Read the recording once."""
        self.frames: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.order: list[tuple[str, str, int]] = []
        self.numbers: list[int | None] = []
        self.books: defaultdict[str, BookState] = defaultdict(BookState)
        self.verdicts: Counter[tuple[str, DeltaVerdict | SnapshotVerdict]] = Counter()
        self.unrouted: Counter[str] = Counter()
        self.acks: list[tuple[str, ...]] = []
        self.products = b""
        with gzip.open(RECORDINGS / f"{NAME}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if row["ev"] == "rest":
                    self.products = row["data"].encode()
                elif row["ev"] == "recv":
                    self.frame(row["data"].encode())

    def frame(self, frame: bytes) -> None:
        """Take one received frame."""
        self.numbers.append(SPOT.connection_sequence(frame) if SPOT.connection_sequence else None)
        answer = SPOT.ack(frame)
        if answer:
            self.acks.append(answer.streams)
        try:
            routed = SPOT.route(frame)
        except RouteError:
            self.unrouted[json.loads(frame)["channel"]] += 1
            return
        if routed.kind == "control":
            return
        self.order.append((routed.kind, routed.symbol, len(self.frames[routed.kind, routed.symbol])))
        self.frames[routed.kind, routed.symbol].append(frame)
        book = self.books[routed.symbol]
        if routed.kind == "book":
            self.verdicts[routed.symbol, SPOT.book_rules.on_delta(book, -1, -1, -1)] += 1
        elif routed.kind == "book_snapshot":
            self.verdicts[routed.symbol, SPOT.book_rules.on_snapshot(book, -1, in_stream=True)] += 1

    def rows(self, kind: str, symbol: str) -> list[dict[str, Any]]:
        """Parse all frames of one kind and symbol as the agents do."""
        parser, frames = SPOT.parsers[kind], self.frames[kind, symbol]
        columns = Columns(topic_of(parser.record))
        messages = msgspec.json.decode(b"[" + b",".join(frames) + b"]", type=list[parser.message])
        parser.append(messages, range(len(frames)), columns)
        batch, bad = columns.build()
        assert not bad
        found: list[dict[str, Any]] = batch.to_pylist()
        return found

    def book(self, symbol: str) -> dict[str, dict[Decimal, Decimal]]:
        """Build a book from the rows, in the order received."""
        by_frame: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for kind in ("book", "book_snapshot"):
            for row in self.rows(kind, symbol):
                by_frame[kind, row["frame"]].append(row)
        sides: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "ask": {}}
        for kind, product, place in self.order:
            if product != symbol or not kind.startswith("book"):
                continue
            if kind == "book_snapshot":
                sides = {"bid": {}, "ask": {}}
            for row in by_frame[kind, place]:
                if row["size"]:
                    sides[row["side"]][row["price"]] = row["size"]
                else:
                    sides[row["side"]].pop(row["price"], None)
        return sides


@pytest.fixture(scope="module")
def session() -> Session:
    """Return the recorded session."""
    return Session()


@pytest.fixture(scope="module")
def want() -> dict[str, Any]:
    """Return what the reference found in it."""
    found: dict[str, Any] = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[NAME]
    return found


def test_every_frame_is_routed(session: Session, want: dict[str, Any]) -> None:
    """Frames per kind and symbol are those counted; only candles, which we never ask for, are not ours."""
    counted = {(KINDS[key.split()[0]], key.split()[1]): count for key, count in want["frames"].items()}
    trades = {key: counted.pop(key) for key in list(counted) if key[0] == "trades"}
    frames = {key: len(held) for key, held in session.frames.items() if key[0] != "trades"}
    assert frames == counted
    assert {("trades", symbol): len(session.rows("trades", symbol)) for _, symbol in trades} == trades
    assert set(session.unrouted) <= {"candles"}


def test_rows_are_counted(session: Session, want: dict[str, Any]) -> None:
    """One row per ticker, one per level of every update and snapshot received."""
    figures = {key: count for key, count in want["frames"].items() if key.startswith("ticker")}
    for key, count in {**figures, **want["level_rows"]}.items():
        kind, symbol = key.split()
        assert len(session.rows(KINDS[kind], symbol)) == count, key


def test_trades_add_up(session: Session, want: dict[str, Any]) -> None:
    """Ids rise without a hole, also within a frame; size and notional of each symbol are exact."""
    for symbol, figures in want["trades"].items():
        rows = session.rows("trades", symbol)
        ids = [int(row["trade_id"]) for row in rows]
        assert ids == list(range(ids[0], ids[0] + figures["distinct_ids"]))
        with localcontext(prec=80):
            assert sum((row["size"] for row in rows), Decimal(0)) == Decimal(figures["size_sum"])
            notional = sum((row["price"] * row["size"] for row in rows), Decimal(0))
        assert notional == Decimal(figures["notional_sum"])
        prices = [row["price"] for row in rows]
        assert (max(prices), min(prices)) == (Decimal(figures["high"]), Decimal(figures["low"]))
        assert [row["history"] for row in rows] == sorted((row["history"] for row in rows), reverse=True)
        assert 0 < sum(row["history"] for row in rows) < len(rows)


def test_the_connection_has_no_gap(session: Session, want: dict[str, Any]) -> None:
    """Every frame has the next number, acknowledgements, heartbeats and candles among them (PROTOCOLS 6.2.5)."""
    start = SPOT.connection_sequence_start
    assert session.numbers == list(range(start, start + len(session.numbers)))
    assert want["sequence_gaps"] == {}


def test_books_are_whole(session: Session, want: dict[str, Any]) -> None:
    """Every book is valid from its snapshot on, all updates apply, and its best levels are the reference's."""
    for symbol, applied in want["deltas_applied"].items():
        assert session.books[symbol].valid
        assert session.verdicts[symbol, DeltaVerdict.APPLIED] == applied
        assert session.verdicts[symbol, SnapshotVerdict.SPLICED] == want["frames"][f"book_snapshot {symbol}"]
        book, top = session.book(symbol), want["final_book_top10"][symbol]
        for side, name, falling in (("bid", "bids", True), ("ask", "asks", False)):
            best = sorted(book[side].items(), reverse=falling)[:TOP]
            assert best == [(Decimal(price), Decimal(size)) for price, size in top[name]]
        assert max(book["bid"]) < min(book["ask"])


def test_every_stream_is_acknowledged(session: Session) -> None:
    """Each answer lists all that is active; the last has our streams and the heartbeats, under our names."""
    wanted = {SPOT.stream_name(stream, symbol) for stream in SPOT.streams for symbol in ("BTC-USD", "ETH-USD")}
    wanted |= set(SPOT.endpoints[0].extra_streams)
    assert wanted <= set(session.acks[-1])
    assert all(set(one) <= set(after) for one, after in zip(session.acks, session.acks[1:], strict=False))


def test_recorded_products_have_names(session: Session, want: dict[str, Any]) -> None:
    """The product list names the recorded symbols; an alias is of a product in the list and of the same base."""
    found = {one.native_symbol: one for one, _ in SPOT.instruments(session.products)}
    assert {found[symbol].symbol for symbol in want["trades"]} == set(want["trades"])
    assert len({one.symbol for one in found.values()}) == len(found)
    aliases = [one for one in found.values() if one.alias_of]
    assert aliases
    assert all(found[one.alias_of or ""].base == one.base for one in aliases)
    assert set(SPOT.volumes(session.products) if SPOT.volumes else ()) >= set(found)
