"""Binance spot (PROTOCOLS 2): one path for all streams, books over REST with `U` and `u`, single trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._binance import BinanceVenue
from cryptoflow.simulator.venues._binance_bodies import pairs, volumes
from cryptoflow.simulator.venues._exchange_info import completed, exchange_info, pair
from cryptoflow.simulator.venues._values import Channel, Fill, Frame, Limits, Listing, RestAnswer, RestAsk
from cryptoflow.simulator.venues._venue import Venue, Voice, World

_CHANNELS = {"trade": ("trades", True), "bookTicker": ("quotes", False), "depth@100ms": ("book", True)}
"""Kind, and whether ids prove a hole, of the streams a generated run expects."""

_LEVELS_MAX = 5000
_WEIGHTS = {
    "exchangeInfo": ("instruments", 20),
    "historicalTrades": ("trades", 25),
    "ticker/24hr": ("volumes", 80),
    "time": ("time", 1),
}


class SpotVoice(Voice):
    """Write spot frames (PROTOCOLS 2.4)."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, envelopes and the symbol's text."""
        super().__init__(venue, model, keys)
        lower = model.name.lower()
        self._keys = {key.partition("@")[2]: key for key in keys}
        self._heads = {channel: f'{{"stream":"{lower}@{channel}","data":'.encode() for channel in self._keys}
        self._symbol = model.name.encode()
        self._told_id = model.update_id

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        if "trade" not in self._keys:
            return
        price, maker = self.model.price(fill.ticks), b"true" if fill.taker_sells else b"false"
        for number, size in fill.parts():
            text = b'%b{"e":"trade","E":%d,"s":"%b","t":%d,"p":"%b","q":"%b","T":%d,"m":%b,"M":true}}' % (
                self._heads["trade"], fill.at_ms + 1, self._symbol, number, price,
                self.model.size(size), fill.at_ms, maker,
            )  # fmt: skip
            out.append((self._keys["trade"], text))

    @override
    def quote(self, now_ms: int, out: list[Frame]) -> None:
        if "bookTicker" not in self._keys:
            return
        model = self.model
        bid, ask = model.best
        text = b'%b{"u":%d,"s":"%b","b":"%b","B":"%b","a":"%b","A":"%b"}}' % (
            self._heads["bookTicker"], model.update_id, self._symbol,
            model.price(bid), model.size(model.books[0][bid]), model.price(ask), model.size(model.books[1][ask]),
        )  # fmt: skip
        out.append((self._keys["bookTicker"], text))

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        model = self.model
        # Spot ids have no holes: an event begins where the one before ended (PROTOCOLS 2.5.6).
        first, self._told_id = self._told_id + 1, model.update_id
        if "depth@100ms" not in self._keys:
            return
        bids, asks = model.pending
        text = b'%b{"e":"depthUpdate","E":%d,"s":"%b","U":%d,"u":%d,"b":[%b],"a":[%b]}}' % (
            self._heads["depth@100ms"], now_ms, self._symbol, first, model.update_id,
            pairs(model, sorted(bids.items(), reverse=True)), pairs(model, sorted(asks.items())),
        )  # fmt: skip
        out.append((self._keys["depth@100ms"], text))

    @override
    def rest_snapshot(self, limit: int, now_ms: int) -> bytes:
        model = self.model
        return b'{"lastUpdateId":%d,"bids":[%b],"asks":[%b]}' % (
            model.update_id, pairs(model, model.levels(0, limit)), pairs(model, model.levels(1, limit)),
        )  # fmt: skip

    @override
    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes:
        price = self.model.price
        texts = [
            b'{"id":%d,"price":"%b","qty":"%b","quoteQty":"0","time":%d,"isBuyerMaker":%b,"isBestMatch":true}'
            % (number, price(fill.ticks), self.model.size(size), fill.at_ms, b"true" if fill.taker_sells else b"false")
            for fill in fills
            for number, size in fill.parts()
        ]
        return b"[" + b",".join(texts[:limit]) + b"]"


class BinanceSpot(BinanceVenue):
    """Answer for Binance spot."""

    markets = ("spot",)
    prefix = "/binance/spot"
    # PROTOCOLS 2.1
    hosts = frozenset({
        "stream.binance.com", "data-stream.binance.vision", "data-api.binance.vision", "api.binance.com",
        "api-gcp.binance.com", *(f"api{number}.binance.com" for number in range(1, 5)),
    })  # fmt: skip
    # PROTOCOLS 2.3.
    limits = Limits(
        messages_max=5, streams_max=1024, connects_max=300, connects_window_s=300, rest_weight_max=6000,
        lifetime_s=86_400.0,
    )  # fmt: skip
    rest_root = "/api/v3"

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {"ws": "/stream"}

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        return [
            Channel(self.key("spot", f"{listing.symbol.lower()}@{channel}"), (kind,), listing.symbol, numbered=numbered)
            for channel, (kind, numbered) in _CHANNELS.items()
        ]

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return SpotVoice(self, model, keys)

    @override
    def takes_limit(self, limit: int) -> bool:
        return 1 <= limit <= _LEVELS_MAX

    @override
    def depth_weight(self, limit: int) -> int:
        for bound, weight in ((100, 5), (500, 25), (1000, 50)):  # PROTOCOLS 2.3
            if limit <= bound:
                return weight
        return 250

    @override
    def rest_weights(self) -> Mapping[str, tuple[str, int]]:
        return _WEIGHTS

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        if ask.kind == "time":
            return msgspec.json.encode({"serverTime": world.now_ms})
        if ask.kind == "trades":
            return b"[]"
        listings = world.listings(self.full("spot"))
        if ask.kind == "volumes":
            return volumes(listings)
        symbols = [pair(listing) for listing in listings]
        recorded = world.recorded(self.full("spot"), "instruments")
        if recorded:
            return completed(recorded[0], symbols)
        return exchange_info(symbols, self.limits.rest_weight_max, world.now_ms)


VENUE = BinanceSpot()
