"""What Coinbase's frames must become: Advanced Trade and the Exchange feed."""

from __future__ import annotations

import calendar
import json
import time
from typing import Any

from typing_extensions import override

from cryptoflow.verify.frames import Expected, Row, exact, product
from cryptoflow.verify.venues._reader import KEYS, VALUES, Reader

_NS = 1_000_000_000
_TAKER = {"buy": "sell", "sell": "buy"}
_SIDE = {"bid": "bid", "offer": "ask", "buy": "bid", "sell": "ask"}
_KIND_OF_CHANNEL = {
    "market_trades": "trades",
    "matches": "trades",
    "ticker": "quotes",
    "level2": "book",
    "level2_batch": "book",
}
_LEVEL = ("side", "level", "price", "size", "exchange_ns")


def moment(text: str | None) -> int | None:
    """Return the nanoseconds of an RFC 3339 time; None for one that is absent or not after 1970."""
    if not text or text < "1970-01-01T00:00:00Z" or text.startswith("1970-01-01T00:00:00"):
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * _NS + int(rest.ljust(9, "0") or "0")


class _Coinbase(Reader):
    """Read what both feeds have in common: books without ids, trades with ids that have no holes."""

    exchange = "coinbase"
    keys = {**KEYS, "book_deltas": (), "book_snapshots": ()}  # noqa: RUF012 - as declared in Reader
    values = {**VALUES, "book_deltas": _LEVEL}  # noqa: RUF012 - as declared in Reader

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        channel, _, symbol = stream.partition(":")
        kind = _KIND_OF_CHANNEL.get(channel)
        return [(kind, symbol)] if kind else []


class Advanced(_Coinbase):
    """Read Advanced Trade (PROTOCOLS 6.2.4); the number of a ticker is the connection's and not compared."""

    market = "spot"
    keys = {**_Coinbase.keys, "quotes": ()}  # noqa: RUF012 - as declared in Reader
    proofs = {"trades": "contiguous", "quotes": "seen", "book_deltas": "seen"}  # noqa: RUF012 - as declared in Reader

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        data = json.loads(payload)
        found: list[Expected] = []
        books: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for event in data["events"]:
            found += [_fill(trade["product_id"], trade) for trade in reversed(event.get("trades", ()))]
            found += [_ticker(ticker, data["timestamp"]) for ticker in event.get("tickers", ())]
            if "updates" in event:
                books.setdefault((event["product_id"], event["type"]), []).extend(event["updates"])
        return found + [_book(symbol, kind, updates) for (symbol, kind), updates in books.items()]


def _ticker(ticker: dict[str, Any], at: str) -> Expected:
    texts = (ticker[name] for name in ("best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity"))
    row = (*[exact(text) if text else None for text in texts], moment(at))
    return Expected("quotes", ticker["product_id"], None, [row])


def _book(symbol: str, kind: str, updates: list[dict[str, Any]]) -> Expected:
    newest = max((moment(level["event_time"]) or 0 for level in updates), default=0) or None
    rows = _rows([(level["side"], level["price_level"], level["new_quantity"]) for level in updates])
    if kind == "snapshot":
        return Expected("book_snapshots", symbol, None, rows)
    return Expected("book_deltas", symbol, None, [(*row, newest) for row in rows])


def _fill(symbol: str, trade: dict[str, Any]) -> Expected:
    price, size, number = exact(trade["price"]), exact(trade["size"]), int(trade["trade_id"])
    taker = _TAKER[trade["side"].lower()]  # PROTOCOLS 1.2: the wire has the maker's side
    row = (price, size, size, product(price, size), taker, 1, moment(trade["time"]))
    return Expected("trades", symbol, number, [row], number, number)


def _rows(levels: list[tuple[str, str, str]]) -> list[Row]:
    places = {"bid": 0, "ask": 0}
    rows: list[Row] = []
    for name, price, size in levels:
        side = _SIDE[name]
        rows.append((side, places[side], exact(price), exact(size)))
        places[side] += 1
    return rows


class Feed(_Coinbase):
    """Read the Exchange feed (PROTOCOLS 6.1.4); only a crossed book proves that a frame of it is missing (6.1.5)."""

    market = "exchange"
    crossed_breaks = True
    proofs = {"trades": "contiguous"}  # noqa: RUF012 - as declared in Reader

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        data = json.loads(payload)
        kind = data["type"]
        if kind in {"match", "last_match"}:
            return [_fill(data["product_id"], data)]
        if kind == "ticker":
            texts = (data[name] for name in ("best_bid", "best_bid_size", "best_ask", "best_ask_size"))
            row = (*[exact(text) if text else None for text in texts], moment(data.get("time")))
            return [Expected("quotes", data["product_id"], data["sequence"], [row])]
        if kind == "l2update":
            rows = _rows([(side, price, size) for side, price, size in data["changes"]])
            at = moment(data.get("time"))
            return [Expected("book_deltas", data["product_id"], None, [(*row, at) for row in rows])]
        return [_whole(data["product_id"], data)] if kind == "snapshot" else []

    @override
    def answer(self, symbol: str, body: str) -> Expected:
        return _whole(symbol, json.loads(body))


def _whole(symbol: str, book: dict[str, Any]) -> Expected:
    levels = [(side, level[0], level[1]) for side, name in (("bid", "bids"), ("offer", "asks")) for level in book[name]]
    return Expected("book_snapshots", symbol, None, _rows(levels))


READERS = (Advanced, Feed)
