"""Kraken Futures, Derivatives WebSocket v1, as simulated. PROTOCOLS 7.2."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._kraken import levels_text, stamp
from cryptoflow.simulator.venues._kraken_feeds import MARKET, FuturesSession
from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import (
    Channel,
    Fill,
    Frame,
    Limits,
    Liquidation,
    Listing,
    Mark,
    Recorded,
    RestAnswer,
    RestAsk,
    Row,
)
from cryptoflow.simulator.venues._venue import Desk, Session, Venue, Voice, World

HISTORY_MAX = 100
"""Trades that a subscription is told of the past."""

_OK, _NOT_FOUND = 200, 404
_EXPIRES_MS = 1_893_456_000_000
"""When invented dated contracts end: 2030-01-01."""

_FEEDS = {
    "trade": ("trade", ("trades", "liquidations")),
    "trade_snapshot": ("trade", ("trades", "liquidations")),
    "ticker": ("ticker", ("quotes", "funding")),
    "ticker_lite": ("ticker_lite", ("quotes",)),
    "book": ("book", ("book",)),
    "book_snapshot": ("book", ("book",)),
}
"""Per feed of a frame the feed that was subscribed, and what that carries."""


class _Frame(msgspec.Struct):
    feed: str = ""
    event: str = ""
    product_id: str = ""
    seq: int | None = None


_frame = msgspec.json.Decoder(_Frame)


def _frame_of(payload: bytes) -> _Frame | None:
    """Read the head of a frame of data; None for answers."""
    try:
        told = _frame.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if told.event else told


class FuturesVoice(Voice):
    """Write v1 frames (PROTOCOLS 7.2.3)."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, the symbol's text and its numbers."""
        super().__init__(venue, model, keys)
        self._symbol = model.name.encode()
        self._keys = {key.partition(" ")[2].partition(":")[0]: key for key in keys}
        self._seq = model.update_id
        self._word = zlib.crc32(self._symbol)
        self._past: deque[bytes] = deque(maxlen=HISTORY_MAX)

    def _trade(self, number: int, kind: bytes, ticks: int, size: int, at_ms: int, *, sells: bool) -> bytes:
        return (
            b'{"feed":"trade","product_id":"%b","uid":"%08x-0000-4000-8000-%012x","side":"%b","type":"%b","seq":%d,'
            b'"time":%d,"qty":%b,"price":%b}'
            % (
                self._symbol, self._word, number, b"sell" if sells else b"buy", kind, number,
                at_ms, self.model.size(size), self.model.price(ticks),
            )
        )  # fmt: skip

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        key = self._keys.get("trade")
        if key is None:
            return
        for number, size in fill.parts():
            text = self._trade(number, b"fill", fill.ticks, size, fill.at_ms, sells=fill.taker_sells)
            self._past.append(text)
            out.append((key, text))

    @override
    def liquidation(self, liquidation: Liquidation, out: list[Frame]) -> None:
        key = self._keys.get("trade")
        if key is None:
            return
        self.model.trade_id += 1
        one = liquidation
        text = self._trade(self.model.trade_id, b"liquidation", one.ticks, one.size, one.at_ms, sells=one.is_long)
        self._past.append(text)
        out.append((key, text))

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        key = self._keys.get("book")
        if key is None:
            return
        model = self.model
        for name, changes in zip((b"buy", b"sell"), model.pending, strict=True):
            for ticks, size in changes.items():
                self._seq += 1
                text = b'{"feed":"book","product_id":"%b","side":"%b","seq":%d,"price":%b,"qty":%b,"timestamp":%d}' % (
                    self._symbol, name, self._seq, model.price(ticks), model.size(size), now_ms,
                )  # fmt: skip
                out.append((key, text))

    @override
    def mark(self, mark: Mark, out: list[Frame]) -> None:
        if "ticker" in self._keys:
            out.append((self._keys["ticker"], self._ticker(mark)))
        if "ticker_lite" in self._keys:
            model = self.model
            bid, ask = (model.price(ticks) for ticks in model.best)
            text = b'{"feed":"ticker_lite","product_id":"%b","bid":%b,"ask":%b,"dtm":0}' % (self._symbol, bid, ask)
            out.append((self._keys["ticker_lite"], text))

    def _ticker(self, mark: Mark) -> bytes:
        model, price = self.model, self.model.price
        (bid, ask), books = model.best, model.books
        return (
            b'{"time":%d,"product_id":"%b"%b,"feed":"ticker","bid":%b,"ask":%b,"bid_size":%b,"ask_size":%b,'
            b'"volume":1.0,"index":%b,"last":%b,"openInterest":%b,"markPrice":%b,"post_only":false}'
            % (
                mark.at_ms, self._symbol, self._funding(mark), price(bid), price(ask),
                model.size(books[0][bid]), model.size(books[1][ask]),
                price(mark.index), price(bid), model.size(mark.open_interest), price(mark.mark),
            )
        )  # fmt: skip

    def _funding(self, mark: Mark) -> bytes:
        """Return the funding fields; PROTOCOLS 7.2.3: those that are zero are left out."""
        if self.model.listing.kind == "future":
            return b""
        rates = b',"funding_rate":%de-6,"relative_funding_rate":%de-08' % (mark.rate_e8, mark.rate_e8)
        return b'%b,"next_funding_rate_time":%d' % (rates if mark.rate_e8 else b"", mark.next_funding_ms)

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        if key == self._keys.get("trade"):
            newest_first = b",".join(reversed(self._past))
            return [b'{"feed":"trade_snapshot","product_id":"%b","trades":[%b]}' % (self._symbol, newest_first)]
        if key != self._keys.get("book"):
            return ()
        bids, asks = (levels_text(self.model, self.model.levels(side)) for side in (0, 1))
        return [
            b'{"feed":"book_snapshot","product_id":"%b","timestamp":%d,"seq":%d,"tickSize":null,"bids":[%b],"asks":[%b]}'
            % (self._symbol, now_ms, self._seq, bids, asks)
        ]


class KrakenFutures(Venue):
    """Answer for Kraken Futures."""

    exchange = "kraken"
    markets = (MARKET,)
    prefix = "/kraken/futures"
    hosts = frozenset({"futures.kraken.com", "demo-futures.kraken.com"})
    # PROTOCOLS 7.2.2: requests a second, a ping each minute; of the connection rate (!) nothing is documented.
    limits = Limits(messages_max=100, connects_max=150, connects_window_s=600.0, client_silence_s=60.0)
    unable = MappingProxyType({"notice": "it announces nothing"})
    number_pattern = re.compile(rb'"(?:price|qty|bid|ask|markPrice)":-?[0-9.]+')
    field_pattern = re.compile(rb',"(?:qty|price)":[^,}]+|(?<=\{)"time":[0-9]+,')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {"v1": "/ws/v1"}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        return FuturesSession(self, desk) if path == "/ws/v1" else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        base = f"SYM{number:04d}"
        # Every fourth is an inverse perpetual, every eighth a dated one.
        product = "PI" if number % 4 == 2 else "FI" if number % 8 == 7 else "PF"  # noqa: PLR2004 - shares
        inverse, dated = product[1] == "I", product[0] == "F"
        return Listing(
            market=market, symbol=f"{product}_{base}USD" + ("_300101" if dated else ""), base=base, quote="USD",
            settle=base if inverse else "USD", kind="future" if dated else "perpetual",
            price_decimals=rng.choice((0, 1, 4)), size_decimals=0 if inverse else 3, contract_value="1",
            inverse=inverse, expires_ms=_EXPIRES_MS if dated else 0, middle=rng.randrange(5_000, 500_000),
        )  # fmt: skip

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        symbol = listing.symbol
        return [
            Channel(self.key(MARKET, f"trade:{symbol}"), ("trades", "liquidations"), symbol),
            Channel(self.key(MARKET, f"ticker:{symbol}"), ("quotes", "funding"), symbol),
            Channel(self.key(MARKET, f"book:{symbol}"), ("book",), symbol, numbered=True, snapshots=True),
        ]

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return FuturesVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        kinds = {"instruments": "instruments", "tickers": "volumes"}
        kind = kinds.get(path.removeprefix("/derivatives/api/v3/"))
        return RestAsk(kind, MARKET) if kind and path.startswith("/derivatives/api/v3/") else None

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        listings = world.listings(self.full(MARKET))
        if ask.kind == "instruments":
            defined = {one.symbol: _instrument(one, 0) for one in listings}
            recorded = world.recorded(self.full(MARKET), ask.kind)
            # PROTOCOLS 7.2.5: ids come in lower case over REST.
            whole = completed(
                recorded, lambda told: told["instruments"], lambda entry: str(entry["symbol"]).upper(), defined
            )  # fmt: skip
            if whole:
                return whole
        made = _instrument if ask.kind == "instruments" else _volume
        body = [made(listing, number) for number, listing in enumerate(listings, 1)]
        name = "instruments" if ask.kind == "instruments" else "tickers"
        told = {"result": "success", name: body, "serverTime": stamp(world.now_ms).decode()}
        return msgspec.json.encode(told)

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        text = "notFound" if status == _NOT_FOUND else "apiLimitExceeded"
        body = msgspec.json.encode({"result": "error", "error": text})
        return RestAnswer(status if status != _NOT_FOUND else _OK, body)

    @override
    def recorded(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            is_list = urlsplit(row.url).path.endswith("/instruments")
            return Recorded(MARKET, row.data, rest="instruments") if is_list else None
        told = _frame_of(row.data)
        if told is None or told.feed not in _FEEDS or not told.product_id:
            return None
        feed, kinds = _FEEDS[told.feed]
        key = self.key(MARKET, f"{feed}:{told.product_id}")
        if feed != "book":
            return Recorded(MARKET, row.data, (key,), kinds, told.product_id)
        whole = told.feed == "book_snapshot"
        follows = None if whole or told.seq is None else told.seq - 1
        return Recorded(
            MARKET, row.data, (key,), kinds, told.product_id,
            numbered=True, snapshots=True, whole=whole, follows=follows, at=told.seq,
        )  # fmt: skip

    @override
    def unused_frame(self, row: Row) -> str:
        told = _frame_of(row.data)
        return f"{told.feed}:{told.product_id}" if told and told.feed not in {"", "heartbeat"} else ""

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        product, _, rest = symbol.partition("_")
        pair, _, date = rest.partition("_")
        base, quote = pair[:-3], pair[-3:]
        inverse = product.endswith("I")
        expires_ms = 0
        if date:
            ends = datetime.strptime(date, "%y%m%d").replace(tzinfo=UTC)
            expires_ms = (ends - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        return Listing(
            market=market, symbol=symbol, base=base, quote=quote, settle=base if inverse else quote,
            kind="future" if date else "perpetual", price_decimals=4, size_decimals=0 if inverse else 4,
            contract_value="1", inverse=inverse, expires_ms=expires_ms,
        )  # fmt: skip

    @override
    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        return _snapshot(frames)


def _snapshot(frames: Sequence[bytes]) -> bytes:
    """Return the book that recorded frames leave, standing at the number of the last one."""
    sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
    told: dict[str, object] = {}
    for frame in frames:
        told = json.loads(frame, parse_float=Decimal, parse_int=Decimal)
        if told["feed"] == "book_snapshot":
            for name, side in sides.items():
                side.clear()
                side.update({level["price"]: level["qty"] for level in told[name]})  # type: ignore[attr-defined] # a list
            continue
        side = sides["bids" if told["side"] == "buy" else "asks"]
        side[told["price"]] = told["qty"]  # type: ignore[index,assignment] # decimals
        if told["qty"] <= 0:  # type: ignore[operator] # a decimal
            del side[told["price"]]  # type: ignore[arg-type] # a decimal
    texts = [
        ",".join(f'{{"price":{price:f},"qty":{qty:f}}}' for price, qty in sorted(side.items(), reverse=name == "bids"))
        for name, side in sides.items()
    ]
    head = f'"product_id":"{told["product_id"]}","timestamp":{told["timestamp"]},"seq":{told["seq"]},"tickSize":null'
    return f'{{"feed":"book_snapshot",{head},"bids":[{texts[0]}],"asks":[{texts[1]}]}}'.encode()


def _instrument(listing: Listing, number: int) -> dict[str, object]:
    del number
    found: dict[str, object] = {
        "symbol": listing.symbol, "pair": f"{listing.base}:{listing.quote}", "base": listing.base,
        "quote": listing.quote, "type": "futures_inverse" if listing.inverse else "flexible_futures",
        "tickSize": 10**-listing.price_decimals, "contractSize": 1, "tradeable": True,
        "contractValueTradePrecision": listing.size_decimals, "postOnly": False,
    }  # fmt: skip
    if listing.expires_ms:
        found["lastTradingTime"] = stamp(listing.expires_ms).decode()
    return found


def _volume(listing: Listing, number: int) -> dict[str, object]:
    return {"symbol": listing.symbol, "vol24h": number, "volumeQuote": 1000 * number}


VENUE = KrakenFutures()
