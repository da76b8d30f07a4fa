"""OKX: one symbol's market as frames. PROTOCOLS 5.4, 5.5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._okx import INDEX, LIQUIDATIONS, TYPES, underlying
from cryptoflow.simulator.venues._values import Fill, Frame, Liquidation, Mark
from cryptoflow.simulator.venues._venue import Venue, Voice

SET_BACK = 50_000_000
"""How far a maintenance sets the sequence ids back: so far that no id comes twice."""

_SET_BACK_EVERY = 1511
"""A depth frame whose first id this divides sets the ids back (PROTOCOLS 5.5.4)."""

KEEP_ALIVE_MS = 60_000
_FUNDING_HOURS = (8, 4, 1)
_MS_PER_HOUR = 3_600_000
_STRANGER = b'{"instType":"%b","instId":"OTHER-USDT-%b","details":[%b]},'
_STRANGER_EVERY = 3
"""Every so many liquidations the frame also tells one of an instrument that is not listed here."""


class OkxVoice(Voice):
    """Write v5 frames."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, envelopes and the symbol's text."""
        super().__init__(venue, model, keys)
        self._keys = {key.partition(" ")[2].partition(":")[0]: key for key in keys}
        self._type = TYPES[model.listing.market].encode()
        self._symbol = model.name.encode()
        self._index = underlying(model.listing).encode()
        self._heads = {channel: self._head(channel) for channel in self._keys}
        self._behind = 0
        self._said_ms = 0
        self._liquidations = 0
        self._hours = _FUNDING_HOURS[model.trade_id % len(_FUNDING_HOURS)]

    def _head(self, channel: str) -> bytes:
        if channel == LIQUIDATIONS:
            return b'{"arg":{"channel":"%b","instType":"%b"}' % (channel.encode(), self._type)
        name = self._index if channel == INDEX else self._symbol
        return b'{"arg":{"channel":"%b","instId":"%b"}' % (channel.encode(), name)

    def _say(self, channel: str, data: bytes, out: list[Frame]) -> None:
        out.append((self._keys[channel], b'%b,"data":[%b]}' % (self._heads[channel], data)))

    def _id(self, update_id: int) -> int:
        return update_id - self._behind

    def _levels(self, levels: Iterable[tuple[int, int]]) -> bytes:
        price, size = self.model.price, self.model.size
        return b",".join([b'["%b","%b","0","%d"]' % (price(ticks), size(units), units > 0) for ticks, units in levels])

    def _single(self, fill: Fill, number: int, size: bytes, tail: bytes = b"") -> bytes:
        side = b"sell" if fill.taker_sells else b"buy"
        return b'{"instId":"%b","tradeId":"%d","px":"%b","sz":"%b","side":"%b","ts":"%d"%b,"source":"0"}' % (
            self._symbol, number, self.model.price(fill.ticks), size, side, fill.at_ms, tail,
        )  # fmt: skip

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        model = self.model
        if "trades" in self._keys:
            tail = b',"count":"%d","seqId":%d' % (fill.count, self._id(model.update_id))
            self._say("trades", self._single(fill, fill.last_id, model.size(fill.size), tail), out)
        if "trades-all" in self._keys:
            for number, size in fill.parts():
                self._say("trades-all", self._single(fill, number, model.size(size)), out)

    @override
    def quote(self, now_ms: int, out: list[Frame]) -> None:
        model = self.model
        (bid, ask), books = model.best, model.books
        if "bbo-tbt" in self._keys:
            data = b'{"asks":[%b],"bids":[%b],"ts":"%d","seqId":%d}' % (
                self._levels([(ask, books[1][ask])]), self._levels([(bid, books[0][bid])]),
                now_ms, self._id(model.update_id),
            )  # fmt: skip
            self._say("bbo-tbt", data, out)

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        if "books" not in self._keys:
            return
        model, prev = self.model, self._id(self.model.sent_id)
        if not model.first_id % _SET_BACK_EVERY and self._id(model.update_id) > 2 * SET_BACK:
            self._behind += SET_BACK
        bids, asks = model.pending
        levels = self._levels(sorted(bids.items(), reverse=True)), self._levels(sorted(asks.items()))
        self._book(b"update", levels, now_ms, prev, self._id(model.update_id), out)

    def _book(
        self, action: bytes, levels: tuple[bytes, bytes], now_ms: int, prev: int, last: int, out: list[Frame]
    ) -> None:
        self._said_ms = now_ms
        text = b'%b,"action":"%b","data":[{"asks":[%b],"bids":[%b],"ts":"%d","checksum":0,"prevSeqId":%d,"seqId":%d}]}'
        bids, asks = levels
        out.append((self._keys["books"], text % (self._heads["books"], action, asks, bids, now_ms, prev, last)))

    @override
    def idle(self, now_ms: int, out: list[Frame]) -> None:
        # PROTOCOLS 5.5.3: a book that says nothing for a minute says where it stands.
        if "books" in self._keys and now_ms - self._said_ms >= KEEP_ALIVE_MS:
            last = self._id(self.model.sent_id)
            self._book(b"update", (b"", b""), now_ms, last, last, out)

    @override
    def mark(self, mark: Mark, out: list[Frame]) -> None:
        price, at = self.model.price, mark.at_ms
        head = b'{"instType":"%b","instId":"%b"' % (self._type, self._symbol)
        if "mark-price" in self._keys:
            self._say("mark-price", b'%b,"markPx":"%b","ts":"%d"}' % (head, price(mark.mark), at), out)
        if "open-interest" in self._keys:
            interest = self.model.size(mark.open_interest)
            data = b'%b,"oi":"%b","oiCcy":"1","oiUsd":"1","ts":"%d"}' % (head, interest, at)
            self._say("open-interest", data, out)
        if INDEX in self._keys:
            self._say(INDEX, b'{"instId":"%b","idxPx":"%b","ts":"%d"}' % (self._index, price(mark.index), at), out)
        if "funding-rate" in self._keys:
            due = mark.next_funding_ms
            times = b'"fundingTime":"%d","nextFundingTime":"%d"' % (due, due + self._hours * _MS_PER_HOUR)
            data = b'%b,"fundingRate":"%b",%b,"nextFundingRate":"","ts":"%d"}' % (head, mark.rate, times, at)
            self._say("funding-rate", data, out)

    @override
    def liquidation(self, liquidation: Liquidation, out: list[Frame]) -> None:
        if LIQUIDATIONS not in self._keys:
            return
        side, position = (b"sell", b"long") if liquidation.is_long else (b"buy", b"short")
        detail = b'{"side":"%b","posSide":"%b","bkPx":"%b","sz":"%b","bkLoss":"0","ccy":"","ts":"%d"}' % (
            side, position, self.model.price(liquidation.ticks), self.model.size(liquidation.size), liquidation.at_ms,
        )  # fmt: skip
        own = b'{"instType":"%b","instId":"%b","details":[%b]}' % (self._type, self._symbol, detail)
        self._liquidations += 1
        other = b"" if self._liquidations % _STRANGER_EVERY else _STRANGER % (self._type, self._type, detail)
        self._say(LIQUIDATIONS, other + own, out)

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        if key != self._keys.get("books"):
            return ()
        found: list[Frame] = []
        self._book(b"snapshot", self._whole(), now_ms, -1, self._id(self.model.sent_id), found)
        return [payload for _, payload in found]

    def _whole(self, limit: int | None = None) -> tuple[bytes, bytes]:
        return self._levels(self.model.levels(0, limit)), self._levels(self.model.levels(1, limit))

    @override
    def rest_snapshot(self, limit: int, now_ms: int) -> bytes:
        bids, asks = self._whole(limit)
        return b'{"code":"0","msg":"","data":[{"asks":[%b],"bids":[%b],"ts":"%d","seqId":%d}]}' % (
            asks, bids, now_ms, self._id(self.model.update_id),
        )  # fmt: skip

    @override
    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes:
        singles = [self._single(fill, number, self.model.size(size)) for fill in fills for number, size in fill.parts()]
        newest_first = b",".join(reversed(singles[:limit]))
        return b'{"code":"0","msg":"","data":[%b]}' % newest_first
