"""Three recorded sessions go through route, parse and rules and give the independent reference's figures."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import BookState, DeltaVerdict, Market, RouteError, SnapshotVerdict
from exchanges.binance import SPOT, USDM
from schemas import Columns, topic_of

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
NAMES = {
    "binance_spot_btcusdt_20240808": SPOT,
    "binance_usdm_4symbols_20210722": USDM,
    "binance_usdm_btcusdt_20240808": USDM,
}
BATCH_MAX_FRAMES = 2000

pytestmark = pytest.mark.skipif(
    not (RECORDINGS / "expected.json").exists(), reason="recordings not present at ../shared/recordings"
)


class Session:
    """One recording in receive order: raw frames per (kind, symbol), and what the book rules said."""

    def __init__(self, name: str) -> None:
        """Read a recording once."""
        self.market: Market = NAMES[name]
        with gzip.open(RECORDINGS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        rows.sort(key=lambda row: row["t"])  # REST rows may stand first in the file; the sort is stable
        self.frames: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.books: defaultdict[str, BookState] = defaultdict(BookState)
        self.verdicts: Counter[tuple[str, DeltaVerdict | SnapshotVerdict]] = Counter()
        self.unrouted: Counter[str] = Counter()
        self.definitions: dict[str, str] = {}
        for row in rows:
            data = row.get("data", "").encode()
            if row["ev"] == "rest" and "/depth?" in row["url"]:
                self.snapshot(row["url"].split("symbol=")[1].split("&")[0], data)
            elif row["ev"] == "rest":
                self.definitions = {one.native_symbol: one.symbol for one, _ in self.market.instruments(data)}
            elif row["ev"] == "recv":
                self.frame(data)

    def snapshot(self, symbol: str, body: bytes) -> None:
        """Take one REST answer."""
        self.frames["book_snapshot", symbol].append(body)
        verdict = self.market.book_rules.on_snapshot(self.books[symbol], self.market.peek_snapshot(body).last)
        self.verdicts[symbol, verdict] += 1

    def frame(self, frame: bytes) -> None:
        """Take one received frame."""
        try:
            routed = self.market.route(frame)
        except RouteError:
            self.unrouted[frame.split(b'"')[3].partition(b"@")[2].decode()] += 1
            return
        self.frames[routed.kind, routed.symbol].append(frame)
        if routed.kind == "book":
            peek = self.market.peek_book(frame)
            verdict = self.market.book_rules.on_delta(self.books[routed.symbol], peek.first, peek.last, peek.prev)
            self.verdicts[routed.symbol, verdict] += 1

    def columns(self, kind: str, symbol: str) -> tuple[int, dict[str, list[Any]]]:
        """Parse all frames of one kind and symbol as the agents do; return the rows and some columns."""
        parser, frames = self.market.parsers[kind], self.frames[kind, symbol]
        decoder = msgspec.json.Decoder(list[parser.message])
        rows, kept = 0, defaultdict[str, list[Any]](list)
        for start in range(0, len(frames), BATCH_MAX_FRAMES):
            part = frames[start : start + BATCH_MAX_FRAMES]
            columns = Columns(topic_of(parser.record))
            parser.append(decoder.decode(b"[" + b",".join(part) + b"]"), range(len(part)), columns)
            batch, bad = columns.build()
            assert not bad
            assert columns.frames == [*range(len(part))]
            rows += batch.num_rows
            for name in {"trade_id", "price", "size"} & set(batch.schema.names) if kind == "trades" else ():
                kept[name] += batch.column(name).to_pylist()
        return rows, kept


@pytest.fixture(scope="module", params=NAMES)
def pair(request: pytest.FixtureRequest) -> tuple[Session, dict[str, Any]]:
    """Return a recorded session and what the reference found in it."""
    want = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[request.param]
    return Session(request.param), want


KINDS = {"trade": "trades", "quote": "quotes", "book_delta": "book", "book_snapshot": "book_snapshot"}


def test_every_frame_is_routed(pair: tuple[Session, dict[str, Any]]) -> None:
    """Frames per kind and symbol are those counted; only candles, which we never ask for, are not ours."""
    session, want = pair
    counted = {(KINDS[key.split()[0]], key.split()[1]): count for key, count in want["frames"].items()}
    assert {key: len(frames) for key, frames in session.frames.items()} == counted
    assert set(session.unrouted) <= {"kline_1m"}


def test_rows_are_counted(pair: tuple[Session, dict[str, Any]]) -> None:
    """One row per trade and quote, one per level of every delta and snapshot received."""
    session, want = pair
    for key, count in {**want["frames"], **want["level_rows"]}.items():
        kind, symbol = key.split()
        assert session.columns(KINDS[kind], symbol)[0] == count, key


def test_trades_add_up(pair: tuple[Session, dict[str, Any]]) -> None:
    """Distinct ids, size and notional of each symbol are exact, and no id is missing."""
    session, want = pair
    for symbol, figures in want["trades"].items():
        _, columns = session.columns("trades", symbol)
        ids = [int(number) for number in columns["trade_id"]]
        with localcontext(prec=80):
            notional = sum(
                (price * size for price, size in zip(columns["price"], columns["size"], strict=True)), Decimal(0)
            )
        assert len(set(ids)) == figures["distinct_ids"]
        assert max(ids) - min(ids) + 1 == len(set(ids))
        assert sum(columns["size"], Decimal(0)) == Decimal(figures["size_sum"])
        assert notional == Decimal(figures["notional_sum"])
        assert (max(columns["price"]), min(columns["price"])) == (Decimal(figures["high"]), Decimal(figures["low"]))


def test_books_are_whole(pair: tuple[Session, dict[str, Any]]) -> None:
    """Every book is spliced once and stays valid: no break, no repeat, no stale snapshot."""
    session, want = pair
    told = {verdict for _, verdict in session.verdicts}
    assert not told & {DeltaVerdict.BREAK, DeltaVerdict.OLD, SnapshotVerdict.STALE}
    assert want["sequence_gaps"] == {}
    for symbol, applied in want["deltas_applied"].items():
        assert session.books[symbol].valid
        # Deltas from before the splice are buffered; the reference counts those it then applies.
        assert session.verdicts[symbol, DeltaVerdict.APPLIED] <= applied
        received = want["frames"][f"book_delta {symbol}"]
        assert (
            session.verdicts[symbol, DeltaVerdict.APPLIED] + session.verdicts[symbol, DeltaVerdict.BUFFERED] == received
        )


def test_recorded_symbols_have_names(pair: tuple[Session, dict[str, Any]]) -> None:
    """Where the session holds the metadata, its symbols are perpetuals with names from it."""
    session, want = pair
    if session.definitions:
        names = {symbol: session.definitions[symbol] for symbol in want["trades"]}
        assert names == {symbol: symbol.removesuffix("USDT") + "-USDT-PERP" for symbol in names}
