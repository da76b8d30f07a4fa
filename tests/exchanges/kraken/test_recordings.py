"""Both recorded sessions go through route, parse, rules and checksum and give the independent reference's figures."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import BookLevel, BookState, DeltaVerdict, Market, Precisions, SnapshotVerdict, drain
from exchanges.kraken import FUTURES, SPOT
from exchanges.kraken.futures.sequence import FirstDelta, FuturesBookRules
from schemas import Columns, topic_of

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
SPOT_NAME, FUTURES_NAME = "kraken_spot_v2_btcusd_20230730", "kraken_futures_20210722"
DEPTH = 10
BTC_USD = Precisions(1, 8)
"""Depth and decimals of the spot recording, which holds no metadata (recordings/README.md)."""

KINDS = {
    "book_delta": "book",
    "book_snapshot": "book_snapshot",
    "trade": "trades",
    "trade_history": "trades",
    "ticker": "quotes",
}

pytestmark = pytest.mark.skipif(
    not (RECORDINGS / "expected.json").exists(), reason="recordings not present at ../shared/recordings"
)


class Session:
    """One recording in file order: parsed rows per (kind, symbol), verdicts, books and checksums."""

    def __init__(self, name: str, market: Market) -> None:
        """Read a recording once."""
        self.market = market
        self.rules = FuturesBookRules(FirstDelta.ENFORCE) if market is FUTURES else market.book_rules
        self.frames: Counter[tuple[str, str]] = Counter()
        self.rows: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.states: defaultdict[str, BookState] = defaultdict(BookState)
        self.verdicts: Counter[DeltaVerdict | SnapshotVerdict] = Counter()
        self.books: defaultdict[str, dict[str, dict[Decimal, Decimal]]] = defaultdict(lambda: {"bid": {}, "ask": {}})
        self.checksums: Counter[str] = Counter()
        self.definitions: dict[str, Any] = {}
        self.controls = 0
        drain()
        with gzip.open(RECORDINGS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                self.take(json.loads(line))
        self.sightings = drain()

    def take(self, row: dict[str, Any]) -> None:
        """Take one line."""
        data = row.get("data", "").encode()
        if row["ev"] == "rest":
            self.definitions = {one.native_symbol: one for one, _ in self.market.instruments(data)}
        elif row["ev"] == "recv":
            routed = self.market.route(data)
            if routed.kind == "control":
                self.controls += 1
                return
            assert not routed.parts
            self.frames[routed.kind, routed.symbol] += 1
            columns = self.parse(routed.kind, routed.symbol, data)
            if routed.kind in {"book", "book_snapshot"}:
                self.book(routed.kind, routed.symbol, data, columns)

    def parse(self, kind: str, symbol: str, data: bytes) -> Columns:
        """Parse one frame as the agents do; keep its rows."""
        parser = self.market.parsers[kind]
        columns = Columns(topic_of(parser.record))
        parser.append([msgspec.json.decode(data, type=parser.message)], [0], columns)
        batch, bad = columns.build()
        assert not bad
        self.rows[kind, symbol] += batch.to_pylist()
        return columns

    def book(self, kind: str, symbol: str, data: bytes, columns: Columns) -> None:
        """Judge a book frame, apply it, and compare its checksum."""
        snapshot = kind == "book_snapshot"
        peek, state, book = self.market.peek_book(data), self.states[symbol], self.books[symbol]
        assert peek.snapshot is snapshot
        if snapshot:
            self.verdicts[self.rules.on_snapshot(state, peek.last, in_stream=True)] += 1
            book["bid"], book["ask"] = {}, {}
        else:
            self.verdicts[self.rules.on_delta(state, peek.first, peek.last, peek.prev)] += 1
        cells = [columns.values[name] for name in ("side", "price", "size")]
        for side, price, size in zip(*cells, strict=True):
            book[side][Decimal(price)] = Decimal(size)
            if not Decimal(size):
                del book[side][Decimal(price)]
        if self.market.book_check is not None:
            (told,) = columns.values["checksum"]
            for side, best_first in (("bid", True), ("ask", False)):
                book[side] = dict(sorted(book[side].items(), reverse=best_first)[:DEPTH])
            sides = [[BookLevel(*one, "", "") for one in book[side].items()] for side in ("bid", "ask")]
            expected = self.market.book_check.checksum(*sides, BTC_USD)
            self.checksums["ok" if told == expected else "bad"] += 1

    def top(self, symbol: str, levels: int) -> dict[str, list[list[str]]]:
        """Return the best levels as the reference writes them."""
        found = {}
        for name, side, best_first in (("bids", "bid", True), ("asks", "ask", False)):
            best = sorted(self.books[symbol][side].items(), reverse=best_first)[:levels]
            found[name] = [[plain(price), plain(size)] for price, size in best]
        return found


def plain(value: Decimal) -> str:
    """Write a number without exponent and trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@pytest.fixture(scope="module", params=[(SPOT_NAME, SPOT), (FUTURES_NAME, FUTURES)], ids=["spot", "futures"])
def pair(request: pytest.FixtureRequest) -> tuple[Session, dict[str, Any]]:
    """Return a recorded session and what the reference found in it."""
    name, market = request.param
    return Session(name, market), json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[name]


def test_every_frame_and_row_is_counted(pair: tuple[Session, dict[str, Any]]) -> None:
    """Frames per kind and symbol, rows per trade, quote and level are those counted; the rest is control."""
    session, want = pair
    for key, count in want["frames"].items():
        kind, symbol = key.split()
        if kind in {"trade", "trade_history"}:
            rows = [one for one in session.rows["trades", symbol] if one["history"] is (kind == "trade_history")]
            assert len(rows) == count, key
        else:
            assert session.frames[KINDS[kind], symbol] == count, key
    for key, count in want["level_rows"].items():
        kind, symbol = key.split()
        assert len(session.rows[KINDS[kind], symbol]) == count, key
    assert session.controls == (31 if session.market is FUTURES else 0)


def test_trades_add_up(pair: tuple[Session, dict[str, Any]]) -> None:
    """Ids, sizes in the venue's unit and notional of live trades are exact; history rises in time and repeats no id."""
    session, want = pair
    for symbol, figures in want["trades"].items():
        rows = [one for one in session.rows["trades", symbol] if not one["history"]]
        with localcontext(prec=80):
            notional = sum((one["price"] * one["size"] for one in rows), Decimal(0))
        assert (len(rows), len({one["trade_id"] for one in rows})) == (figures["rows"], figures["distinct_ids"])
        assert sum((one["size"] for one in rows), Decimal(0)) == Decimal(figures["size_sum"])
        assert notional == Decimal(figures["notional_sum"])
        prices = [one["price"] for one in rows]
        assert (max(prices), min(prices)) == (Decimal(figures["high"]), Decimal(figures["low"]))
    for (kind, _), rows in session.rows.items():
        if kind == "trades":
            times = [one["exchange_ns"] for one in rows if one["history"]]
            assert times == sorted(times)
            assert len({one["trade_id"] for one in rows}) == len(rows)


def test_books_are_whole_to_the_last_frame(pair: tuple[Session, dict[str, Any]]) -> None:
    """No break and no repeat, the first delta after a snapshot included; the final books are the reference's."""
    session, want = pair
    assert want["sequence_gaps"] == {}
    assert set(session.verdicts) == {DeltaVerdict.APPLIED, SnapshotVerdict.SPLICED}
    assert session.verdicts[DeltaVerdict.APPLIED] == sum(want["deltas_applied"].values())
    assert all(state.valid for state in session.states.values())
    assert {symbol: session.top(symbol, DEPTH) for symbol in session.books} == want["final_book_top10"]
    assert dict(session.checksums) == want["checksums"]
    assert not [rule for rule, _ in session.sightings if rule.startswith("PROTOCOLS 7")]


def test_recorded_contracts_have_names(pair: tuple[Session, dict[str, Any]]) -> None:
    """The metadata of 2021 names no assets: contracts are named from their symbols, coin-margined, and that is told."""
    session, want = pair
    if session.market is SPOT:
        return
    symbols = {key.split()[1] for key in want["frames"]}
    assert symbols <= set(session.definitions)
    assert all(
        one.inverse and one.settle == one.base and one.contract_value == "1" for one in session.definitions.values()
    )
    dated = {symbol for symbol in symbols if symbol.startswith("FI_")}
    assert all((session.definitions[symbol].kind == "future") is (symbol in dated) for symbol in symbols)
    assert session.definitions["FI_XBTUSD_210924"].symbol == "BTC-USD-20210924:BTC"
    assert [rule for rule, _ in session.sightings] in ([], ["PROTOCOLS 1.6"])  # told once per process
