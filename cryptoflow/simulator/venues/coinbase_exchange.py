"""Coinbase Exchange feed (PROTOCOLS 6.1): public channels without numbers, a heartbeat per product, trades by id."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._coinbase import error, invented, sampled, singles, step, time_text
from cryptoflow.simulator.venues._coinbase_feed import CHANNELS, HEARTBEAT, MARKET, FeedSession
from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import (
    Channel,
    Fill,
    Frame,
    Limits,
    Listing,
    Recorded,
    RestAnswer,
    RestAsk,
    Row,
)
from cryptoflow.simulator.venues._venue import Desk, Session, Venue, Voice, World

TRADES_MAX = 1000
_NOT_FOUND = 404
_KIND_OF_TYPE = {
    "match": "matches",
    "last_match": "matches",
    "ticker": "ticker",
    "l2update": "level2_batch",
    "snapshot": "level2_batch",
}
_ANSWERS = frozenset({"subscriptions", HEARTBEAT, "error", *_KIND_OF_TYPE})
_NO_TIME = b"0001-01-01T00:00:00Z"
_NO_TIME_EVERY = 97
"""A depth frame whose first id this divides has the senseless time of PROTOCOLS 6.1.6."""

_BOOK, _TRADES = re.compile(r"/products/([^/]+)/book"), re.compile(r"/products/([^/]+)/trades")


class _Frame(msgspec.Struct):
    type: str
    product_id: str = ""


_frame = msgspec.json.Decoder(_Frame)


class FeedVoice(Voice):
    """Write Exchange frames (PROTOCOLS 6.1.4)."""

    depth_ms = 50

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys and the product's text."""
        super().__init__(venue, model, keys)
        self._keys = {key.partition(" ")[2].partition(":")[0]: key for key in keys}
        self._product = model.name.encode()
        self._newest = b""

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        if "matches" in self._keys:
            for number, size in fill.parts():
                out.append((self._keys["matches"], self._match(b"match", number, self.model.size(size), fill)))
        if "ticker" in self._keys:
            self._newest = self._ticker(fill)
            out.append((self._keys["ticker"], self._newest))

    def _match(self, kind: bytes, number: int, size: bytes, fill: Fill) -> bytes:
        """Return one trade; the side is the maker's (PROTOCOLS 1.2)."""
        return (
            b'{"type":"%b","trade_id":%d,"maker_order_id":"m","taker_order_id":"t","side":"%b","size":"%b",'
            b'"price":"%b","product_id":"%b","sequence":%d,"time":"%b"}'
            % (
                kind, number, _maker(fill), size, self.model.price(fill.ticks), self._product,
                self.model.update_id, time_text(fill.at_ms),
            )
        )  # fmt: skip

    def _ticker(self, fill: Fill) -> bytes:
        model = self.model
        bid, ask = model.best
        return (
            b'{"type":"ticker","sequence":%d,"product_id":"%b","price":"%b","open_24h":"1","best_bid":"%b",'
            b'"best_bid_size":"%b","best_ask":"%b","best_ask_size":"%b","side":"buy","time":"%b","trade_id":%d,'
            b'"last_size":"1"}'
            % (
                model.update_id, self._product, model.price(fill.ticks), model.price(bid),
                model.size(model.books[0][bid]), model.price(ask), model.size(model.books[1][ask]),
                time_text(fill.at_ms), fill.last_id,
            )
        )  # fmt: skip

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        if "level2_batch" not in self._keys:
            return
        model = self.model
        price, size = model.price, model.size
        changes = [
            b'["%b","%b","%b"]' % (side, price(ticks), size(units))
            for side, levels in ((b"buy", model.pending[0]), (b"sell", model.pending[1]))
            for ticks, units in levels.items()
        ]
        at = time_text(now_ms) if model.first_id % _NO_TIME_EVERY else _NO_TIME
        text = b'{"type":"l2update","product_id":"%b","changes":[%b],"time":"%b"}'
        out.append((self._keys["level2_batch"], text % (self._product, b",".join(changes), at)))

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        channel, model = key.partition(" ")[2].partition(":")[0], self.model
        if channel == "level2_batch":
            head = b'{"type":"snapshot","product_id":"%b",%b,"time":"%b"}'
            return [head % (self._product, self._book(b""), time_text(now_ms))]
        if channel == "ticker":
            return [self._newest] if self._newest else ()
        if not model.fills:
            return ()
        fill = model.fills[-1]
        ((number, size, _),) = singles([fill], model, 1)
        return [self._match(b"last_match", number, size, fill)]

    def _book(self, orders: bytes) -> bytes:
        price, size = self.model.price, self.model.size
        sides = [
            b",".join(
                [b'["%b","%b"%b]' % (price(ticks), size(units), orders) for ticks, units in self.model.levels(side)]
            )
            for side in (0, 1)
        ]
        return b'"bids":[%b],"asks":[%b]' % (sides[0], sides[1])

    @override
    def rest_snapshot(self, limit: int, now_ms: int) -> bytes:
        body = b'{%b,"sequence":%d,"auction_mode":false,"time":"%b"}'
        return body % (self._book(b",1"), self.model.update_id, time_text(now_ms))

    @override
    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes:
        price = self.model.price
        rows = [
            b'{"time":"%b","trade_id":%d,"price":"%b","size":"%b","side":"%b"}'
            % (time_text(fill.at_ms), number, price(fill.ticks), size, _maker(fill))
            for number, size, fill in singles(fills, self.model, limit * 3)[-limit:]
        ]
        return b"[%b]" % b",".join(rows)


def _maker(fill: Fill) -> bytes:
    return b"buy" if fill.taker_sells else b"sell"


class CoinbaseExchange(Venue):
    """Answer for the Coinbase Exchange feed."""

    exchange = "coinbase"
    markets = (MARKET,)
    prefix = "/coinbase/exchange"
    # PROTOCOLS 6.1.1; before 2022 the feed was called Pro (!).
    hosts = frozenset({
        *("ws-feed.exchange.coinbase.com", "ws-direct.exchange.coinbase.com", "api.exchange.coinbase.com"),
        *("ws-feed.pro.coinbase.com", "api.pro.coinbase.com"),
    })  # fmt: skip
    # PROTOCOLS 6.1.2, 6.1.3; REST: the venue's pages of 2025 (!).
    limits = Limits(
        messages_max=100, messages_per_address=True, subscribe_within_s=5.0, connects_max=8, connects_window_s=1.0,
        rest_weight_max=10, rest_window_s=1.0,
    )  # fmt: skip
    unable = MappingProxyType({"notice": "it announces nothing"})
    resyncs_crossed = True  # PROTOCOLS 6.1.5
    number_pattern = re.compile(
        rb'"(?:size|best_bid|best_ask)":"[0-9.]+"|\["(?:buy|sell)","[0-9.]+"|\["[0-9.]+","[0-9.]+"'
    )
    field_pattern = re.compile(rb',"(?:size|best_bid)":"[^"]*"|,"changes":\[.*\](?=,"time")')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {"public": ""}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        return FeedSession(self, desk) if path in {"", "/"} else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        return invented(market, number, rng)

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        return [
            Channel(
                self.key(MARKET, f"{channel}:{listing.symbol}"), (kind,), listing.symbol,
                numbered=kind == "trades", snapshots=kind == "book",
            )
            for channel, kind in CHANNELS.items()
        ]  # fmt: skip

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return FeedVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        if path in {"/products", "/products/stats"}:
            return RestAsk("instruments" if path == "/products" else "volumes", MARKET)
        if found := _BOOK.fullmatch(path):
            # Only level 2 is the whole book; others end after a few levels.
            return (
                RestAsk("snapshot", MARKET, 1, found[1]) if query.get("level") == "2" else error(400, message="level")
            )
        if found := _TRADES.fullmatch(path):
            limit, after = query.get("limit", str(TRADES_MAX)), query.get("after", "")
            if not limit.isdigit() or (after and not after.isdigit()):
                return error(400, message="Invalid pagination")
            rows = min(int(limit), TRADES_MAX)
            return RestAsk("trades", MARKET, 1, found[1], rows, max(0, int(after) - rows) if after else -1)
        return None

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        listings = world.listings(self.full(MARKET))
        if ask.kind == "volumes":
            day = {"open": "1", "high": "2", "low": "1", "last": "2", "volume": "3"}
            return msgspec.json.encode({listing.symbol: {"stats_24hour": day} for listing in listings})
        if ask.kind != "instruments":
            return None
        products = {listing.symbol: _product(listing) for listing in listings}
        recorded = world.recorded(self.full(MARKET), "instruments")
        whole = completed(recorded, lambda told: told[:] and told, lambda entry: str(entry["id"]), products)
        return whole or msgspec.json.encode([*products.values()])

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        return error(status, message="NotFound" if status == _NOT_FOUND else "Public rate limit exceeded")

    @override
    def recorded(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            is_list = urlsplit(row.url).path == "/products"
            return Recorded(MARKET, row.data, rest="instruments") if is_list else None
        try:
            frame = _frame.decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        channel = _KIND_OF_TYPE.get(frame.type)
        if channel is None or not frame.product_id:
            return None
        key, kind = self.key(MARKET, f"{channel}:{frame.product_id}"), CHANNELS[channel]
        return Recorded(
            MARKET, row.data, (key,), (kind,), frame.product_id, numbered=kind == "trades", snapshots=kind == "book",
            whole=frame.type == "snapshot",
        )  # fmt: skip

    @override
    def unused_frame(self, row: Row) -> str:
        frame = _frame.decode(row.data)
        return "" if frame.type in _ANSWERS else f"{frame.type}:{frame.product_id}"

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        return sampled(market, symbol)


def _product(listing: Listing) -> dict[str, object]:
    return {
        "id": listing.symbol, "base_currency": listing.base, "quote_currency": listing.quote,
        "quote_increment": step(listing.price_decimals), "base_increment": step(listing.size_decimals),
        "status": "online", "trading_disabled": False,
    }  # fmt: skip


VENUE = CoinbaseExchange()
