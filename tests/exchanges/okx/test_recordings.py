"""The recorded session of 2022, read as of its date, gives the independent reference's figures."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from golden import parsed

from exchanges import BookLevel, BookState, DeltaVerdict, Market, Precisions, SnapshotVerdict
from exchanges.okx import EXCHANGE

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "recordings"
NAME = "okx_20220513"
MARKETS = {"BTC-USDT": "spot", "UNI-USD-SWAP": "swap", "BTC-USD-220527": "futures"}
KINDS = {"trade": "trades", "ticker": "quotes", "book_delta": "book", "book_snapshot": "book_snapshot"}

pytestmark = pytest.mark.skipif(
    not (RECORDINGS / "expected.json").exists(), reason="recordings not present at ../shared/recordings"
)


class Session:
    """The recording in receive order: frames by (kind, symbol), books as they grow, definitions."""

    def __init__(self) -> None:
        """Read it once."""
        with gzip.open(RECORDINGS / f"{NAME}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = sorted((json.loads(line) for line in lines), key=lambda row: row["t"])
        self.frames: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
        self.names: dict[str, str] = {}
        self.values: dict[str, tuple[str | None, bool]] = {}
        self.controls = 0
        for row in rows:
            data = row.get("data", "").encode()
            if row["ev"] == "rest" and "OPTION" not in row["url"]:
                self.define(row["url"], data, row["t"])
            elif row["ev"] == "recv":
                # All three markets share one path, so they read it alike.
                routed = EXCHANGE.markets["spot"].at(row["t"]).route(data)
                if routed.symbol:
                    self.frames[routed.kind, routed.symbol].append(data)
                    self.t = row["t"]
                else:
                    self.controls += 1

    def define(self, url: str, body: bytes, received_ns: int) -> None:
        """Take the definitions of a type."""
        name = {"SPOT": "spot", "SWAP": "swap", "FUTURES": "futures"}[url.partition("instType=")[2]]
        for definition, _ in EXCHANGE.markets[name].at(received_ns).instruments(body):
            self.names[definition.native_symbol] = definition.symbol
            self.values[definition.native_symbol] = (definition.contract_value, definition.inverse)

    def market(self, symbol: str) -> Market:
        """Return the market of a symbol as it was then."""
        return EXCHANGE.markets[MARKETS[symbol]].at(self.t)

    def columns(self, kind: str, symbol: str) -> tuple[int, dict[str, list[Any]]]:
        """Parse all frames of one kind and symbol; return how many rows and some columns."""
        batch, bad = parsed(self.market(symbol).parsers[kind], self.frames[kind, symbol]).build()
        assert not bad
        wanted = {"trade_id", "price", "size"} & set(batch.schema.names)
        return batch.num_rows, {name: batch.column(name).to_pylist() for name in wanted}


@pytest.fixture(scope="module")
def session() -> Session:
    """Return the session."""
    return Session()


@pytest.fixture(scope="module")
def want() -> dict[str, Any]:
    """Return what the reference found."""
    found: dict[str, Any] = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[NAME]
    return found


def test_every_frame_is_routed(session: Session, want: dict[str, Any]) -> None:
    """Frames or rows per kind and symbol are those counted; the rest are the acknowledgements."""
    counted = {(KINDS[key.split()[0]], key.split()[1]): count for key, count in want["frames"].items()}
    found = {key: len(frames) for key, frames in session.frames.items()}
    assert found == counted | {key: found[key] for key in found if key[0] == "trades"}
    for (kind, symbol), count in counted.items():
        if kind in {"trades", "quotes"}:
            assert session.columns(kind, symbol)[0] == count
    assert sum(found.values()) + session.controls == 410


def test_levels_are_counted(session: Session, want: dict[str, Any]) -> None:
    """One row per level of every update and snapshot."""
    for key, count in want["level_rows"].items():
        kind, symbol = key.split()
        assert session.columns(KINDS[kind], symbol)[0] == count, key


def test_trades_add_up(session: Session, want: dict[str, Any]) -> None:
    """Ids rise; sums, highs and lows are exact."""
    for symbol, figures in want["trades"].items():
        _, columns = session.columns("trades", symbol)
        ids = [int(number) for number in columns["trade_id"]]
        assert ids == sorted(set(ids))
        assert len(ids) == figures["distinct_ids"]
        with localcontext(prec=80):
            pairs = zip(columns["price"], columns["size"], strict=True)
            assert sum((price * size for price, size in pairs), Decimal(0)) == Decimal(figures["notional_sum"])
        assert sum(columns["size"], Decimal(0)) == Decimal(figures["size_sum"])
        assert (max(columns["price"]), min(columns["price"])) == (Decimal(figures["high"]), Decimal(figures["low"]))


def test_checksums_agree_and_books_end_as_told(session: Session, want: dict[str, Any]) -> None:
    """Each of the 290 books sums to what the venue said; the best ten levels are the reference's."""
    told: Counter[bool] = Counter()
    for symbol in MARKETS:
        market, state = session.market(symbol), BookState()
        assert market.book_check is not None
        sides: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}
        frames = session.frames["book_snapshot", symbol] + session.frames["book", symbol]
        for frame in frames:
            peek = market.peek_book(frame)
            if peek.snapshot:
                assert market.book_rules.on_snapshot(state, peek.last, in_stream=True) is SnapshotVerdict.SPLICED
            else:
                verdict = market.book_rules.on_delta(state, peek.first, peek.last, peek.prev)
                assert verdict is DeltaVerdict.APPLIED
            (data,) = json.loads(frame)["data"]
            for side, levels in sides.items():
                for price, size, *_ in data[side]:
                    if Decimal(size):
                        levels[Decimal(price)] = (price, size)
                    else:
                        levels.pop(Decimal(price), None)
            bids, asks = (
                [BookLevel(price, Decimal(levels[price][1]), *levels[price]) for price in sorted(levels, reverse=down)]
                for levels, down in ((sides["bids"], True), (sides["asks"], False))
            )
            told[market.book_check.checksum(bids, asks, Precisions(None, None)) == data["checksum"]] += 1
        best = {"bids": bids[:10], "asks": asks[:10]}
        for side, levels_told in want["final_book_top10"][symbol].items():
            assert [(one.price, one.size) for one in best[side]] == [
                (Decimal(price), Decimal(size)) for price, size in levels_told
            ]
    assert told == {True: 290}


def test_symbols_are_named_and_valued(session: Session) -> None:
    """Names come from the metadata; the derivatives are inverse and count quote units."""
    names = {symbol: session.names[symbol] for symbol in MARKETS}
    assert names == {
        "BTC-USDT": "BTC-USDT",
        "UNI-USD-SWAP": "UNI-USD-PERP:UNI",
        "BTC-USD-220527": "BTC-USD-20220527",
    }
    assert session.values["BTC-USDT"] == ("1", False)
    assert session.values["UNI-USD-SWAP"] == ("10", True)
    assert session.values["BTC-USD-220527"] == ("100", True)
    assert len(set(session.names.values())) == len(session.names)
