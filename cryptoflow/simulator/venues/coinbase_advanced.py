"""Coinbase Advanced Trade (PROTOCOLS 6.2): one channel per request, a number per connection over all frames."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._coinbase import HISTORY_MAX_TRADES, error, invented, sampled, singles, step, time_text
from cryptoflow.simulator.venues._coinbase_advanced import HEARTBEATS, MARKET, AdvancedSession, enveloped
from cryptoflow.simulator.venues._coinbase_recorded import Reader, listed
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

PRODUCTS = "/api/v3/brokerage/market/products"
PAGE_PRODUCTS = 100
_NOT_FOUND = 404

_CHANNELS = {"market_trades": "trades", "ticker": "quotes", "level2": "book"}
_SENT_AS = {"level2": "l2_data", "market_trades": "market_trades", "ticker": "ticker"}
_ASKED_AS = {sent: asked for asked, sent in _SENT_AS.items()}


class _Named(msgspec.Struct):
    product_id: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    product_id: str = ""
    trades: list[_Named] = []
    tickers: list[_Named] = []


class _Frame(msgspec.Struct):
    channel: str
    events: list[_Event] = []


_frame = msgspec.json.Decoder(_Frame)


class AdvancedVoice(Voice):
    """Write Advanced Trade frames (PROTOCOLS 6.2.4)."""

    depth_ms = 50

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys and the product's text."""
        super().__init__(venue, model, keys)
        self._keys = {key.partition(" ")[2].partition(":")[0]: key for key in keys}
        self._product = model.name.encode()

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        stamp = time_text(fill.at_ms + 1, b"000003")
        if "market_trades" in self._keys:
            event = self._trades("update", singles([fill], self.model, fill.count))
            out.append((self._keys["market_trades"], enveloped("market_trades", stamp, event)))
        if "ticker" in self._keys:
            out.append((self._keys["ticker"], self._ticker("update", fill.ticks, stamp)))

    def _trades(self, kind: str, trades: Sequence[tuple[int, bytes, Fill]]) -> bytes:
        """Return an event of trades, newest first; the side is the maker's (PROTOCOLS 1.2)."""
        price = self.model.price
        rows = [
            b'{"product_id":"%b","trade_id":"%d","price":"%b","size":"%b","time":"%b","side":"%b"}'
            % (
                self._product, number, price(fill.ticks), size, time_text(fill.at_ms),
                b"BUY" if fill.taker_sells else b"SELL",
            )
            for number, size, fill in trades
        ]  # fmt: skip
        return b'{"type":"%b","trades":[%b]}' % (kind.encode(), b",".join(rows))

    def _ticker(self, kind: str, ticks: int, stamp: bytes) -> bytes:
        model = self.model
        bid, ask = model.best
        event = (
            b'{"type":"%b","tickers":[{"type":"ticker","product_id":"%b","price":"%b","volume_24_h":"1",'
            b'"best_bid":"%b","best_ask":"%b","best_bid_quantity":"%b","best_ask_quantity":"%b"}]}'
            % (
                kind.encode(), self._product, model.price(ticks), model.price(bid), model.price(ask),
                model.size(model.books[0][bid]), model.size(model.books[1][ask]),
            )
        )  # fmt: skip
        return enveloped("ticker", stamp, event)

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        if "level2" in self._keys:
            bids, asks = self.model.pending
            event = self._levels("update", sorted(bids.items(), reverse=True), sorted(asks.items()), time_text(now_ms))
            out.append((self._keys["level2"], enveloped("l2_data", time_text(now_ms + 1, b"000004"), event)))

    def _levels(
        self, kind: str, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], event_time: bytes
    ) -> bytes:
        price, size = self.model.price, self.model.size
        rows = [
            b'{"side":"%b","event_time":"%b","price_level":"%b","new_quantity":"%b"}'
            % (side, event_time, price(ticks), size(units) if units else b"0")
            for side, levels in ((b"bid", bids), (b"offer", asks))
            for ticks, units in levels
        ]
        return b'{"type":"%b","product_id":"%b","updates":[%b]}' % (kind.encode(), self._product, b",".join(rows))

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        channel, model = key.partition(" ")[2].partition(":")[0], self.model
        stamp = time_text(now_ms, b"000005")
        if channel == "level2":
            # PROTOCOLS 6.2.4: the event time of a snapshot may be the epoch.
            return [
                enveloped("l2_data", stamp, self._levels("snapshot", model.levels(0), model.levels(1), time_text(0)))
            ]
        if channel == "ticker":
            return [self._ticker("snapshot", model.best[0], stamp)]
        recent = singles([*model.fills][-HISTORY_MAX_TRADES:], model, HISTORY_MAX_TRADES)
        return [enveloped("market_trades", stamp, self._trades("snapshot", recent))] if recent else ()


class CoinbaseAdvanced(Venue):
    """Answer for Coinbase Advanced Trade."""

    exchange = "coinbase"
    markets = (MARKET,)
    prefix = "/coinbase/spot"
    hosts = frozenset({"advanced-trade-ws.coinbase.com", "api.coinbase.com"})
    # PROTOCOLS 6.2.2, 6.2.3; REST: the venue's pages of 2025 (!).
    limits = Limits(
        messages_max=8, messages_per_address=True, subscribe_within_s=5.0, idle_push_s=90.0,
        connects_max=8, connects_window_s=1.0, rest_weight_max=10, rest_window_s=1.0,
    )  # fmt: skip
    orders_books = False
    unable = MappingProxyType({"notice": "it announces nothing"})
    number_pattern = re.compile(
        rb'"price":"[0-9.]+"(?=,"size")|"(?:price_level|new_quantity|best_bid|best_ask)":"[0-9.]+"'
    )
    field_pattern = re.compile(rb',"(?:price_level|size|best_bid)":"[^"]*"')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {"market": ""}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        return AdvancedSession(self, desk) if path in {"", "/"} else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        return invented(market, number, rng)

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        return [
            Channel(
                self.key(MARKET, f"{channel}:{listing.symbol}"), (kind,), listing.symbol,
                numbered=True, snapshots=kind == "book",
            )
            for channel, kind in _CHANNELS.items()
        ]  # fmt: skip

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return AdvancedVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        return RestAsk("instruments", MARKET, query=query) if path == PRODUCTS else None

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        listings = world.listings(self.full(MARKET))
        recorded = world.recorded(self.full(MARKET), "instruments")
        if recorded and (whole := listed(recorded, {one.symbol: _product(one) for one in listings})):
            return whole
        start = int(ask.query.get("cursor", "0"))
        more = start + PAGE_PRODUCTS < len(listings)
        page = {
            "products": [_product(listing) for listing in listings[start : start + PAGE_PRODUCTS]],
            "num_products": len(listings),
            "pagination": {"next_cursor": str(start + PAGE_PRODUCTS) if more else "", "has_next": more},
        }
        return msgspec.json.encode(page)

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        if status == _NOT_FOUND:
            return error(status, error="NOT_FOUND", message="product not found")
        return error(status, error="rate_limit_exceeded", message="Too many requests")  # PROTOCOLS 6.2.3

    @override
    def recorded(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            is_list = urlsplit(row.url).path == PRODUCTS
            return Recorded(MARKET, row.data, rest="instruments") if is_list else None
        try:
            frame = _frame.decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        channel = _ASKED_AS.get(frame.channel)
        named = [
            name
            for event in frame.events
            for name in (event.product_id, *(one.product_id for one in (*event.trades, *event.tickers)))
            if name
        ]
        if channel is None or not named:
            return None
        kind, keys = _CHANNELS[channel], [self.key(MARKET, f"{channel}:{name}") for name in dict.fromkeys(named)]
        is_book = kind == "book"
        whole = is_book and all(event.type == "snapshot" for event in frame.events)
        return Recorded(
            MARKET, row.data, tuple(keys), (kind,), named[0], numbered=True, snapshots=is_book, whole=whole
        )  # fmt: skip

    @override
    def reader(self, rows: Sequence[Row] = ()) -> Callable[[Row], Recorded | None]:
        return Reader(self).read

    @override
    def unused_frame(self, row: Row) -> str:
        channel = _frame.decode(row.data).channel
        if channel in _ASKED_AS:
            return f"{channel}, repeated or empty"
        return "" if channel in {"subscriptions", HEARTBEATS} else channel

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        return sampled(market, symbol)

    @override
    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        channel, _, product = key.partition(" ")[2].partition(":")
        if channel != "level2":
            return None
        sides: dict[str, dict[Decimal, dict[str, str]]] = {"bid": {}, "offer": {}}
        stamp = ""
        for frame in frames:
            told = msgspec.json.decode(frame)
            stamp = told["timestamp"]
            for event in told["events"]:
                if event["product_id"] == product:
                    _apply(sides, event)
        levels = [sides["bid"][price] for price in sorted(sides["bid"], reverse=True)]
        levels += [sides["offer"][price] for price in sorted(sides["offer"])]
        event = {"type": "snapshot", "product_id": product, "updates": levels}
        return enveloped("l2_data", stamp.encode(), msgspec.json.encode(event))


def _apply(sides: dict[str, dict[Decimal, dict[str, str]]], event: dict[str, object]) -> None:
    if event["type"] == "snapshot":
        for side in sides.values():
            side.clear()
    for level in msgspec.convert(event["updates"], list[dict[str, str]]):
        price = Decimal(level["price_level"])
        if Decimal(level["new_quantity"]):
            sides[level["side"]][price] = level
        else:
            sides[level["side"]].pop(price, None)


def _product(listing: Listing) -> dict[str, object]:
    return {
        "product_id": listing.symbol, "price": "1", "base_increment": step(listing.size_decimals),
        "quote_increment": step(listing.price_decimals), "price_increment": step(listing.price_decimals),
        "status": "online", "is_disabled": False, "trading_disabled": False, "product_type": "SPOT",
        "base_currency_id": listing.base, "quote_currency_id": listing.quote, "alias": "", "alias_to": [],
        "approximate_quote_24h_volume": str(listing.middle),
    }  # fmt: skip


VENUE = CoinbaseAdvanced()
