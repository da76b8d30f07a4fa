"""Bybit: names, definitions, pages and error bodies that session, voice and venue share. PROTOCOLS 4."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import Listing, RestAnswer

SPOT, LINEAR = "spot", "linear"
TRADES, QUOTES, TICKERS, LIQUIDATIONS = "publicTrade", "orderbook.1", "tickers", "allLiquidation"
DEPTHS = (50, 200, 1000)
"""Depths with a snapshot and deltas; `orderbook.1` is always whole (PROTOCOLS 4.4)."""

REST_DEPTH = 1000
"""The depth whose update ids the REST book has (PROTOCOLS 4.5)."""

BOOKS = tuple(f"orderbook.{depth}" for depth in DEPTHS)
RETIRED_BOOK = "orderbook.500"
"""A channel that contracts had until 2025-09-11 (PROTOCOLS 4.1), for recordings."""

_BOTH = {TRADES: "trades", QUOTES: "quotes", **dict.fromkeys(BOOKS, "book")}
KINDS = {SPOT: _BOTH, LINEAR: {**_BOTH, RETIRED_BOOK: "book", TICKERS: "funding", LIQUIDATIONS: "liquidations"}}
"""What a channel carries, by market. Spot has `tickers` too, with nothing that anybody here wants (PROTOCOLS 4.4)."""

RESTART_ID = 1
"""`u` of the first update after the service was started again (PROTOCOLS 4.6.3)."""

PAGE_MAX = 1000
_OK = 200
_KNOWN_QUOTES = ("USDT", "USDC", "EUR", "BTC", "ETH")
_DATED = re.compile(r"-(\d{1,2}[A-Z]{3}\d{2})$")
_MS = 1000


def split(topic: str) -> tuple[str, str]:
    """Return channel and symbol of a topic: `orderbook.200.BTCUSDT`."""
    channel, _, symbol = topic.rpartition(".")
    return channel, symbol


def step(decimals: int) -> str:
    """Return the smallest step of so many decimals: "0.01"."""
    return f"0.{'1':0>{decimals}}" if decimals else "1"


def instrument(listing: Listing) -> dict[str, object]:
    """Return the definition of an instrument (PROTOCOLS 1.6)."""
    price = {"priceFilter": {"tickSize": step(listing.price_decimals)}}
    coins = {"baseCoin": listing.base, "quoteCoin": listing.quote, "status": "Trading"}
    if listing.market == SPOT:
        lot = {"basePrecision": step(listing.size_decimals), "quotePrecision": "0.00000001"}
        return {"symbol": listing.symbol, **coins, **price, "lotSizeFilter": lot}
    return {
        "symbol": listing.symbol,
        "contractType": "LinearFutures" if listing.expires_ms else "LinearPerpetual",
        **coins,
        "settleCoin": listing.settle,
        "deliveryTime": str(listing.expires_ms),
        **price,
        "lotSizeFilter": {"qtyStep": step(listing.size_decimals)},
    }


def volume(listing: Listing, number: int) -> dict[str, str]:
    """Return the ticker that tells what was traded in a day."""
    return {"symbol": listing.symbol, "lastPrice": "2", "turnover24h": str(1000 * number)}


def page(category: str, entries: Sequence[object], limit: int, cursor: str) -> bytes:
    """Return one page of a list; the cursor of the next comes escaped, and is "" on the last."""
    start = int(cursor.rpartition("=")[2]) if cursor else 0
    limit = min(limit or PAGE_MAX, PAGE_MAX)
    after = f"first%3D{start + limit}" if start + limit < len(entries) else ""
    return body({"category": category, "list": entries[start : start + limit], "nextPageCursor": after})


def body(result: object) -> bytes:
    """Return an accepted answer."""
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}})


def listed(bodies: Sequence[bytes], listings: Sequence[Listing]) -> bytes | None:
    """Return recorded pages of instruments as one that holds every recorded symbol."""
    made = {listing.symbol: instrument(listing) for listing in listings}
    return completed(bodies, lambda told: told["result"]["list"], lambda entry: str(entry["symbol"]), made, _last_page)


def _last_page(told: Any) -> bool:
    return bool(told["result"].pop("nextPageCursor", ""))


class _BookHead(msgspec.Struct):
    type: str = ""
    data: _BookId | None = None


class _BookId(msgspec.Struct):
    u: int | None = None


_book_head = msgspec.json.Decoder(_BookHead)


def chain_of(frame: bytes) -> tuple[bool, int | None]:
    """Return whether a recorded book frame begins the book anew, and its id."""
    try:
        told = _book_head.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False, None
    at = told.data.u if told.data else None
    return told.type == "snapshot" or at == RESTART_ID, at


def error(code: int, text: str, status: int = _OK) -> RestAnswer:
    """Return a refused answer; the code in the body is what counts."""
    return RestAnswer(status, msgspec.json.encode({"retCode": code, "retMsg": text, "result": {}}))


def listing_of(market: str, symbol: str) -> Listing:
    """Guess what a symbol is from its spelling, for a recording without definitions."""
    dated = _DATED.search(symbol)
    name = symbol.removesuffix(dated[0]) if dated else symbol
    if market == LINEAR and name.endswith("PERP"):
        base, quote = name.removesuffix("PERP"), "USDC"
    else:
        quote = next((known for known in _KNOWN_QUOTES if name.endswith(known) and name != known), "USDC")
        base = name.removesuffix(quote)
    expires_ms = int(datetime.strptime(dated[1], "%d%b%y").replace(tzinfo=UTC).timestamp()) * _MS if dated else 0
    return Listing(
        market=market, symbol=symbol, base=base, quote=quote, settle=quote, expires_ms=expires_ms,
        kind=SPOT if market == SPOT else "future" if dated else "perpetual", price_decimals=8, size_decimals=8,
    )  # fmt: skip


def left_by(frames: Sequence[bytes]) -> bytes:
    """Return the snapshot that recorded frames of a book leave, standing where the last one does."""
    sides: dict[str, dict[Decimal, list[str]]] = {"b": {}, "a": {}}
    told: dict[str, Any] = {}
    for frame in frames:
        told = json.loads(frame)
        begins = told["type"] == "snapshot" or told["data"]["u"] == RESTART_ID
        for name, levels in sides.items():
            if begins:
                levels.clear()
            for level in told["data"][name]:
                levels[Decimal(level[0])] = level
                if not Decimal(level[1]):
                    del levels[Decimal(level[0])]
    told["type"] = "snapshot"
    told["data"] |= {
        name: [levels[price] for price in sorted(levels, reverse=name == "b")] for name, levels in sides.items()
    }
    return msgspec.json.encode(told)
