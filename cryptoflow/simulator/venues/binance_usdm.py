"""Binance USD-M futures (PROTOCOLS 3): routed paths, books over REST, trades aggregated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from typing_extensions import override

from cryptoflow import clock
from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._binance import BinanceVenue
from cryptoflow.simulator.venues._binance_bodies import pairs, volumes
from cryptoflow.simulator.venues._exchange_info import completed, exchange_info, perpetual
from cryptoflow.simulator.venues._values import (
    Channel,
    Fill,
    Frame,
    Limits,
    Liquidation,
    Listing,
    Mark,
    RestAnswer,
    RestAsk,
)
from cryptoflow.simulator.venues._venue import Venue, Voice, World

PUBLIC, MARKET = "public", "market"
_PUBLIC_CHANNELS = ("bookTicker", "depth", "rpiDepth", "!bookTicker")
_CHANNELS = {
    "aggTrade": ("trades", True),
    "bookTicker": ("quotes", False),
    "depth@100ms": ("book", True),
    "markPrice@1s": ("funding", False),
    "forceOrder": ("liquidations", False),
}
"""Kind, and whether ids prove a hole, of the streams a generated run expects."""

_WEIGHTS = {
    "exchangeInfo": ("instruments", 1),
    "fundingInfo": ("funding", 1),
    "time": ("time", 1),
    "aggTrades": ("trades", 20),
    "ticker/24hr": ("volumes", 40),
}


class UsdmVoice(Voice):
    """Write USD-M frames (PROTOCOLS 3.3)."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, envelopes and the symbol's text."""
        super().__init__(venue, model, keys)
        lower = model.name.lower()
        found = {key.partition("@")[2]: key for key in keys}
        self._keys = found
        self._heads = {channel: f'{{"stream":"{lower}@{channel}","data":'.encode() for channel in found}
        self._symbol = model.name.encode()
        self._first_agg_id = model.trade_id // 10
        self._depth = next((channel for channel in found if channel.startswith("depth")), "")
        self._mark = next((channel for channel in found if channel.startswith("markPrice")), "")

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        price, maker = self.model.price(fill.ticks), b"true" if fill.taker_sells else b"false"
        at = fill.at_ms
        if "trade" in self._keys:
            for number, size in fill.parts():
                text = (
                    b'%b{"e":"trade","E":%d,"T":%d,"s":"%b","t":%d,"p":"%b","q":"%b","X":"MARKET","m":%b,"st":1}}'
                    % (self._heads["trade"], at + 1, at, self._symbol, number, price, self.model.size(size), maker)
                )
                out.append((self._keys["trade"], text))
        if "aggTrade" in self._keys:
            whole = self.model.size(fill.size)
            text = (
                b'%b{"e":"aggTrade","E":%d,"s":"%b","a":%d,"p":"%b","q":"%b","nq":"%b","f":%d,"l":%d,"T":%d,'
                b'"m":%b,"st":1}}'
                % (
                    self._heads["aggTrade"], at + 1, self._symbol, self.fill_id(fill), price, whole, whole,
                    fill.first_id, fill.last_id, at, maker,
                )
            )  # fmt: skip
            out.append((self._keys["aggTrade"], text))

    @override
    def quote(self, now_ms: int, out: list[Frame]) -> None:
        key = self._keys.get("bookTicker")
        if key is None:
            return
        model = self.model
        bid, ask = model.best
        text = (
            b'%b{"e":"bookTicker","u":%d,"E":%d,"T":%d,"s":"%b","ps":"%b","b":"%b","B":"%b","a":"%b","A":"%b","st":1}}'
            % (
                self._heads["bookTicker"], model.update_id, now_ms, now_ms - 1, self._symbol, self._symbol,
                model.price(bid), model.size(model.books[0][bid]), model.price(ask), model.size(model.books[1][ask]),
            )
        )  # fmt: skip
        out.append((key, text))

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        if not self._depth:
            return
        model = self.model
        bids, asks = model.pending
        text = b'%b{"e":"depthUpdate","E":%d,"T":%d,"s":"%b","ps":"%b","U":%d,"u":%d,"pu":%d,"b":[%b],"a":[%b],%b}}' % (
            self._heads[self._depth], now_ms, now_ms - 1, self._symbol, self._symbol,
            model.first_id, model.update_id, model.sent_id,
            pairs(model, sorted(bids.items(), reverse=True)), pairs(model, sorted(asks.items())), b'"st":1',
        )  # fmt: skip
        out.append((self._keys[self._depth], text))

    @override
    def mark(self, mark: Mark, out: list[Frame]) -> None:
        if not self._mark:
            return
        price = self.model.price
        text = (
            b'%b{"e":"markPriceUpdate","E":%d,"s":"%b","p":"%b","ap":"%b","i":"%b","P":"%b","r":"%b","T":%d,"st":1}}'
            % (
                self._heads[self._mark], mark.at_ms, self._symbol, price(mark.mark), price(mark.mark),
                price(mark.index), price(mark.settle), mark.rate, mark.next_funding_ms,
            )
        )  # fmt: skip
        out.append((self._keys[self._mark], text))

    @override
    def liquidation(self, liquidation: Liquidation, out: list[Frame]) -> None:
        key = self._keys.get("forceOrder")
        if key is None:
            return
        price, size = self.model.price(liquidation.ticks), self.model.size(liquidation.size)
        text = (
            b'%b{"e":"forceOrder","E":%d,"o":{"s":"%b","S":"%b","o":"LIMIT","f":"IOC","q":"%b","p":"%b","ap":"%b",'
            b'"X":"FILLED","l":"%b","z":"%b","T":%d},"ps":"%b","st":1}}'
            % (
                self._heads["forceOrder"], liquidation.at_ms + 2, self._symbol,
                b"SELL" if liquidation.is_long else b"BUY", size, price, price, size, size,
                liquidation.at_ms, self._symbol,
            )
        )  # fmt: skip
        out.append((key, text))

    @override
    def fill_id(self, fill: Fill) -> int:
        return self._first_agg_id + fill.number

    @override
    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes:
        price, size = self.model.price, self.model.size
        texts = [
            b'{"a":%d,"p":"%b","q":"%b","nq":"%b","f":%d,"l":%d,"T":%d,"m":%b}'
            % (
                self.fill_id(fill), price(fill.ticks), size(fill.size), size(fill.size),
                fill.first_id, fill.last_id, fill.at_ms, b"true" if fill.taker_sells else b"false",
            )
            for fill in fills[:limit]
        ]  # fmt: skip
        return b"[" + b",".join(texts) + b"]"

    @override
    def rest_snapshot(self, limit: int, now_ms: int) -> bytes:
        model = self.model
        return b'{"lastUpdateId":%d,"E":%d,"T":%d,"bids":[%b],"asks":[%b]}' % (
            model.update_id, now_ms, now_ms - 1,
            pairs(model, model.levels(0, limit)), pairs(model, model.levels(1, limit)),
        )  # fmt: skip


class BinanceUsdm(BinanceVenue):
    """Answer for Binance USD-M."""

    markets = ("usdm",)
    prefix = "/binance/usdm"
    hosts = frozenset({"fstream.binance.com", "fapi.binance.com"})
    # PROTOCOLS 3.2; the connection rate is spot's (!).
    limits = Limits(
        messages_max=10, streams_max=1024, connects_max=300, connects_window_s=300, rest_weight_max=2400,
        lifetime_s=86_400.0,
    )  # fmt: skip
    routes = (PUBLIC, MARKET)
    rest_root = "/fapi/v1"

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {PUBLIC: "/public/stream", MARKET: "/market/stream"}

    @override
    def serves(self, endpoint: str, stream: str, *, replaying: bool) -> bool:
        # PROTOCOLS 3.1: the unrouted path acks all and sends /public data; recordings of it are of an older time.
        channel = stream.partition("@")[2] or stream
        public = channel.startswith(_PUBLIC_CHANNELS) or channel == "trade"
        if not endpoint:
            return replaying or public
        return (endpoint == PUBLIC) == public

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        return [
            Channel(
                self.key("usdm", f"{listing.symbol.lower()}@{channel}"), (kind,), listing.symbol,
                numbered=numbered, watched=kind != "liquidations", periodic=kind == "funding",
            )
            for channel, (kind, numbered) in _CHANNELS.items()
        ]  # fmt: skip

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return UsdmVoice(self, model, keys)

    @override
    def depth_weight(self, limit: int) -> int:
        for bound, weight in ((50, 2), (100, 5), (500, 10)):  # PROTOCOLS 3.2
            if limit <= bound:
                return weight
        return 20

    @override
    def rest_weights(self) -> Mapping[str, tuple[str, int]]:
        return _WEIGHTS

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        if ask.kind == "time":
            return b'{"serverTime":%d}' % (clock.now_ns() // 1_000_000)
        if ask.kind == "trades":
            return b"[]"
        listings = world.listings(self.full("usdm"))
        if ask.kind == "volumes":
            return volumes(listings)
        if ask.kind == "funding":
            # Every second invented symbol is paid every four hours.
            return msgspec.json.encode([] if world.replaying else [_funding(each.symbol) for each in listings[1::2]])
        symbols = [perpetual(listing) for listing in listings]
        recorded = world.recorded(self.full("usdm"), "instruments")
        if recorded:
            return completed(recorded[0], symbols)
        return exchange_info(symbols, self.limits.rest_weight_max, world.now_ms)


def _funding(symbol: str) -> dict[str, object]:
    return {
        "symbol": symbol, "adjustedFundingRateCap": "0.02", "adjustedFundingRateFloor": "-0.02",
        "fundingIntervalHours": 4, "disclaimer": False,
    }  # fmt: skip


VENUE = BinanceUsdm()
