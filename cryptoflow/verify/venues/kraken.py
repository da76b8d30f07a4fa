"""What Kraken's frames must become: spot over WebSocket v2, and futures."""

from __future__ import annotations

import calendar
import json
import time
from decimal import Decimal
from typing import Any

from typing_extensions import override

from cryptoflow.verify.frames import Contract, Expected, Row, converted, exact, product
from cryptoflow.verify.venues._reader import KEYS, VALUES, Reader

_NS = 1_000_000_000
_MS = 1_000_000
_LEVEL = ("side", "level", "price", "size")
_POSITION = {"sell": "long", "buy": "short"}
_BOOK_SIDE = {"buy": "bid", "sell": "ask"}


def _read(payload: bytes | str) -> dict[str, Any]:
    """Read a frame with its numbers as text."""
    found: dict[str, Any] = json.loads(payload, parse_float=str, parse_int=str)
    return found


def _moment(text: str | None) -> int | None:
    """Return the nanoseconds of an RFC 3339 time; None for none and for epoch 0."""
    if not text:
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * _NS + int(rest.ljust(9, "0") or "0") or None


def _rows(bids: list[dict[str, str]], asks: list[dict[str, str]]) -> list[Row]:
    return [
        (side, place, exact(level["price"]), exact(level["qty"]))
        for side, levels in (("bid", bids), ("ask", asks))
        for place, level in enumerate(levels)
    ]


class Spot(Reader):
    """Read Kraken spot (PROTOCOLS 7.1.4): trades have ids without holes, a checksum proves books."""

    exchange = "kraken"
    market = "spot"
    keys = {**KEYS, "quotes": (), "book_deltas": (), "book_snapshots": ()}  # noqa: RUF012 - as declared in Reader
    values = {  # noqa: RUF012 - as declared in Reader
        **VALUES,
        "book_deltas": (*_LEVEL, "checksum", "exchange_ns"),
        "book_snapshots": (*_LEVEL, "checksum"),
    }
    proofs = {"trades": "contiguous", "book_deltas": "seen"}  # noqa: RUF012 - as declared in Reader

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        told = _read(payload)
        read = {"trade": self._fill, "ticker": self._quote, "book": self._book}.get(told["channel"])
        return [read(entry, told["type"]) for entry in told["data"]] if read else []

    @staticmethod
    def _fill(entry: dict[str, Any], _form: str) -> Expected:
        price, size, number = exact(entry["price"]), exact(entry["qty"]), int(entry["trade_id"])
        row = (price, size, size, product(price, size), entry["side"], 1, _moment(entry["timestamp"]))
        return Expected("trades", entry["symbol"], number, [row], number, number)

    @staticmethod
    def _quote(entry: dict[str, Any], _form: str) -> Expected:
        numbers = [exact(entry[name]) for name in ("bid", "bid_qty", "ask", "ask_qty")]
        return Expected("quotes", entry["symbol"], None, [(*numbers, _moment(entry.get("timestamp")))])

    @staticmethod
    def _book(entry: dict[str, Any], form: str) -> Expected:
        levels = _rows(entry.get("bids", []), entry.get("asks", []))
        checksum = int(entry["checksum"]) if "checksum" in entry else None
        if form == "snapshot":
            return Expected("book_snapshots", entry["symbol"], None, [(*level, checksum) for level in levels])
        tail = (checksum, _moment(entry.get("timestamp")))
        return Expected("book_deltas", entry["symbol"], None, [(*level, *tail) for level in levels])

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        channel, _, symbol = stream.partition(":")
        kind = {"trade": "trades", "ticker": "quotes", "book": "book"}.get(channel.partition("@")[0])
        return [(kind, symbol)] if kind else []


class Futures(Reader):
    """Read Kraken Futures (PROTOCOLS 7.2.3): books are numbered without holes, trades have ids without order."""

    exchange = "kraken"
    market = "futures"
    keys = {**KEYS, "quotes": (), "funding": (), "liquidations": ("liquidation_id",)}  # noqa: RUF012 - as declared
    values = {  # noqa: RUF012 - as declared in Reader
        **VALUES,
        "book_deltas": (*_LEVEL, "first_update_id", "exchange_ns"),
        "funding": (
            "mark_price", "index_price", "funding_rate", "next_funding_ns", "interval_hours", "open_interest",
            "exchange_ns",
        ),
        "liquidations": ("price", "size", "base_size", "side", "position", "exchange_ns"),
    }  # fmt: skip
    proofs = {"book_deltas": "contiguous"}  # noqa: RUF012 - as declared in Reader
    numbered_apart = frozenset({"book_deltas"})

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        told = _read(payload)
        feed, symbol = told.get("feed", ""), told.get("product_id", "")
        if feed == "trade":
            closing = [_liquidation(symbol, told)] if told["type"] == "liquidation" else []
            return [_fill(symbol, told), *closing]
        if feed == "trade_snapshot":
            return [_fill(symbol, fill) for fill in reversed(told["trades"])]
        if feed == "ticker":
            return [_quote(symbol, told), _funding(symbol, told)]
        if feed == "ticker_lite":
            return [_quote(symbol, told)]
        return _book(symbol, told) if feed in {"book", "book_snapshot"} else []

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        feed, _, symbol = stream.partition(":")
        kinds = {
            "trade": ("trades", "liquidations"), "ticker": ("quotes", "funding"), "ticker_lite": ("quotes",),
            "book": ("book",),
        }.get(feed, ())  # fmt: skip
        return [(kind, symbol) for kind in kinds]


def _contract(symbol: str) -> Contract:
    # PROTOCOLS 1.7: PI and FI are contracts of 1 USD, PF and FF count the base asset.
    return Contract(Decimal(1), inverse=symbol[1] == "I")


def _fill(symbol: str, fill: dict[str, Any]) -> Expected:
    price, size = exact(fill["price"]), exact(fill["qty"])
    worth = converted(price, size, _contract(symbol))
    row = (price, size, *worth, fill["side"], 1, int(fill["time"]) * _MS)
    name = fill.get("uid") or fill["seq"]
    return Expected("trades", symbol, int(name) if name.isdigit() else name, [row])


def _liquidation(symbol: str, fill: dict[str, Any]) -> Expected:
    price, size = exact(fill["price"]), exact(fill["qty"])
    base_size = converted(price, size, _contract(symbol))[0]
    row = (price, size, base_size, fill["side"], _POSITION[fill["side"]], int(fill["time"]) * _MS)
    return Expected("liquidations", symbol, fill.get("uid") or fill["seq"], [row])


def _optional(told: dict[str, Any], *names: str) -> list[str | None]:
    return [None if told.get(name) is None else exact(told[name]) for name in names]


def _quote(symbol: str, told: dict[str, Any]) -> Expected:
    at = int(told["time"]) * _MS if "time" in told else None
    return Expected("quotes", symbol, None, [(*_optional(told, "bid", "bid_size", "ask", "ask_size"), at)])


def _funding(symbol: str, told: dict[str, Any]) -> Expected:
    due = int(told.get("next_funding_rate_time", 0)) * _MS or None
    mark, index, rate, absolute, interest = _optional(
        told, "markPrice", "index", "relative_funding_rate", "funding_rate", "openInterest"
    )
    if rate is None and absolute is None and due:
        rate = "0"  # PROTOCOLS 7.2.3: zero-valued funding fields are left out
    hours = 1 if rate is not None or due else None
    return Expected("funding", symbol, None, [(mark, index, rate, due, hours, interest, int(told["time"]) * _MS)])


def _book(symbol: str, told: dict[str, Any]) -> list[Expected]:
    number, at = int(told["seq"]), int(told["timestamp"]) * _MS
    if told["feed"] == "book_snapshot":
        levels = _rows(told["bids"], told["asks"])
        rows: list[Row] = [(side, place, price, _size(size)) for side, place, price, size in levels]
        return [Expected("book_snapshots", symbol, (number, at), rows)]
    row = (_BOOK_SIDE[told["side"]], 0, exact(told["price"]), _size(exact(told["qty"])), number, at)
    return [Expected("book_deltas", symbol, number, [row], number, number)]


def _size(text: Any) -> str:
    # PROTOCOLS 7.2.4: what is not above 0 deletes.
    return "0" if str(text).startswith("-") else str(text)


READERS = (Spot, Futures)
