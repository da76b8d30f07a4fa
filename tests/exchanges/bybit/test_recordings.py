"""A recorded session of both markets gives the independent reference's figures through route, parse and rules."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from golden import parsed

from exchanges import BookState, DeltaVerdict, RouteError, SnapshotVerdict
from exchanges.bybit import EXCHANGE

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
NAME = "bybit_linear_spot_20260809"
KINDS = {"trade": "trades", "book_delta": "book", "book_snapshot": "book_snapshot"}

pytestmark = pytest.mark.skipif(
    not (RECORDINGS / "expected.json").exists(), reason="recordings not present at ../shared/recordings"
)

Key = tuple[str, str, str]


class Session:
    """The recording: frames per (market, kind, symbol), verdicts, and books built through the rules."""

    def __init__(self) -> None:
        """Read it once."""
        self.frames: defaultdict[Key, list[bytes]] = defaultdict(list)
        self.states: defaultdict[tuple[str, str], BookState] = defaultdict(BookState)
        self.books: defaultdict[tuple[str, str], dict[str, dict[Decimal, Decimal]]]
        self.books = defaultdict(lambda: {"bid": {}, "ask": {}})
        self.verdicts: Counter[tuple[str, str, DeltaVerdict | SnapshotVerdict]] = Counter()
        self.unrouted: Counter[str] = Counter()
        self.names: dict[str, dict[str, str]] = {}
        markets: dict[str, str] = {}
        with gzip.open(RECORDINGS / f"{NAME}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["ev"] == "open":
                    markets[row["conn"]] = row["url"].rpartition("/")[2]
                elif row["ev"] == "rest":
                    category = row["url"].partition("category=")[2].partition("&")[0]
                    found = EXCHANGE.markets[category].instruments(row["data"].encode())
                    self.names[category] = {one.native_symbol: one.symbol for one, _ in found}
                elif row["ev"] == "recv":
                    self.take(markets[row["conn"]], row["data"].encode())

    def take(self, name: str, frame: bytes) -> None:
        """Take one received frame."""
        market = EXCHANGE.markets[name]
        try:
            routed = market.route(frame)
        except RouteError:
            self.unrouted[name + " " + json.loads(frame)["topic"].partition(".")[0]] += 1
            return
        self.frames[name, routed.kind, routed.symbol].append(frame)
        if routed.kind not in {"book", "book_snapshot"}:
            return
        state, peek = self.states[name, routed.symbol], market.peek_book(frame)
        verdict: DeltaVerdict | SnapshotVerdict
        if peek.snapshot:
            verdict = market.book_rules.on_snapshot(state, peek.last, in_stream=True)
        else:
            verdict = market.book_rules.on_delta(state, peek.first, peek.last, peek.prev)
        self.verdicts[name, routed.symbol, verdict] += 1
        book = self.books[name, routed.symbol]
        if peek.snapshot:
            book["bid"], book["ask"] = {}, {}
        values = parsed(market.parsers[routed.kind], [frame]).values
        for side, price, size in zip(values["side"], values["price"], values["size"], strict=True):
            book[side][Decimal(price)] = Decimal(size)
            if not Decimal(size):
                del book[side][Decimal(price)]

    def values(self, key: str, kind: str) -> dict[str, list[Any]]:
        """Parse all frames of one kind of `market:symbol` as the agents do."""
        name, symbol = key.split(":")
        columns = parsed(EXCHANGE.markets[name].parsers[kind], self.frames[name, kind, symbol])
        assert columns.build()[1] == []
        return columns.values


@pytest.fixture(scope="module")
def session() -> Session:
    """Return the recorded session."""
    return Session()


@pytest.fixture(scope="module")
def want() -> dict[str, Any]:
    """Return what the reference found."""
    found: dict[str, Any] = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[NAME]
    return found


def test_every_frame_is_routed(session: Session, want: dict[str, Any]) -> None:
    """Frames per kind and symbol are those counted; only candles and spot tickers are not ours."""
    for key, count in want["frames"].items():
        kind, _, place = key.partition(" ")
        name, symbol = place.split(":")
        if kind != "ticker":
            assert len(session.frames[name, KINDS[kind], symbol]) == count, key
        elif name == "linear":
            assert len(session.frames[name, "funding", symbol]) == count, key
    assert set(session.unrouted) == {"linear kline", "spot kline", "spot tickers"}
    assert session.unrouted["spot tickers"] == sum(
        count for key, count in want["frames"].items() if key.startswith("ticker spot:")
    )


def test_answers_are_control(session: Session) -> None:
    """Both forms of the answer, without a request id, are no data."""
    assert {name: len(session.frames[name, "control", ""]) for name in ("linear", "spot")} == {"linear": 17, "spot": 7}


def test_levels_are_counted(session: Session, want: dict[str, Any]) -> None:
    """One row per level of every delta and snapshot received."""
    for key, count in want["level_rows"].items():
        kind, _, place = key.partition(" ")
        assert len(session.values(place, KINDS[kind])["price"]) == count, key


def test_trades_add_up(session: Session, want: dict[str, Any]) -> None:
    """Ids, sizes and notional of each symbol are exact: UUIDs on linear, digits on spot."""
    for place, figures in want["trades"].items():
        rows = session.values(place, "trades")
        prices, sizes = [*map(Decimal, rows["price"])], [*map(Decimal, rows["size"])]
        with localcontext(prec=80):
            notional = sum((price * size for price, size in zip(prices, sizes, strict=True)), Decimal(0))
        assert (len(prices), len(set(rows["trade_id"]))) == (figures["rows"], figures["distinct_ids"])
        assert sum(sizes, Decimal(0)) == Decimal(figures["size_sum"])
        assert notional == Decimal(figures["notional_sum"])
        assert (max(prices), min(prices)) == (Decimal(figures["high"]), Decimal(figures["low"]))


def test_books_are_whole_and_end_as_the_reference_does(session: Session, want: dict[str, Any]) -> None:
    """PROTOCOLS 4.6.5 (!): `u` + 1 holds for every delta; the books at the end are those of the reference."""
    assert want["sequence_gaps"] == {}
    for place, applied in want["deltas_applied"].items():
        name, symbol = place.split(":")
        told = {verdict: count for (*where, verdict), count in session.verdicts.items() if where == [name, symbol]}
        assert told == {SnapshotVerdict.SPLICED: 1, DeltaVerdict.APPLIED: applied}
        book, final = session.books[name, symbol], want["final_book_top10"][place]
        for side, levels, newest_first in (("bid", final["bids"], True), ("ask", final["asks"], False)):
            best = sorted(book[side].items(), reverse=newest_first)[:10]
            assert best == [(Decimal(price), Decimal(size)) for price, size in levels]


def test_tickers_become_rows_of_what_they_hold(session: Session) -> None:
    """Of all key sets of linear tickers none is unreadable, and rows hold marks."""
    for (name, kind, symbol), frames in list(session.frames.items()):
        if kind == "funding":
            rows = session.values(f"{name}:{symbol}", kind)
            assert 0 < len(rows["exchange_ns"]) <= len(frames)
            assert any(price is not None for price in rows["mark_price"])


def test_all_instruments_have_names_of_their_own(session: Session) -> None:
    """800 contracts and 557 pairs, no name twice."""
    assert {name: len(set(names.values())) for name, names in session.names.items()} == {"linear": 800, "spot": 557}
    assert session.names["linear"]["BTCPERP"] == "BTC-USDC-PERP"
