"""Bybit: one symbol's market as frames. PROTOCOLS 4.4, 4.6."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._bybit import (
    DEPTHS,
    LIQUIDATIONS,
    QUOTES,
    REST_DEPTH,
    RESTART_ID,
    SPOT,
    TICKERS,
    TRADES,
    split,
)
from cryptoflow.simulator.venues._values import Fill, Frame, Liquidation, Mark
from cryptoflow.simulator.venues._venue import Venue, Voice

REPEAT_MS = 3000
"""An unchanged best bid and ask is said again, under the id it has."""

ENGINE_MS = 1
"""How much older the engine's time is than the time of sending."""

_RESTART_EVERY = 211
_RESTART_AFTER_MIN = 300
"""A depth frame whose first id the first number divides restarts the service, but not within so many frames of the
restart before: ids remembered to tell repeats must be those of one numbering."""

_TWINS_EVERY = 3
"""Every so many liquidations comes with another of the same size, price and time."""

_LAST_ONLY_EVERY = 7
"""Every so many tickers tell nothing of mark, index, funding or open interest."""

_FUNDING_HOURS = (8, 4, 1)
_UUIDS = uuid.UUID("00000000-0000-5000-8000-000000000000")
_SIDES = (b"Buy", b"Sell")


class BybitVoice(Voice):
    """Write v5 frames. Each depth counts its updates by itself; generated books are smaller than every depth."""

    mark_ms = 200

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, the symbol's text and where each depth begins to count."""
        super().__init__(venue, model, keys)
        self._keys = {split(key.partition(" ")[2])[0]: key for key in keys}
        self._symbol = model.name.encode()
        self._is_spot = model.listing.market == SPOT
        self._ids = {depth: model.update_id % 10**7 + 10**6 * place for place, depth in enumerate((1, *DEPTHS), 1)}
        self._counted = _RESTART_AFTER_MIN
        self._restarts = 0
        self._best = b""
        self._best_ms = self._said_ms = 0
        self._ticker: dict[bytes, bytes] = {}
        self._marks = 0
        self._liquidations = 0
        self._hours = b"%d" % _FUNDING_HOURS[model.trade_id % len(_FUNDING_HOURS)]

    def _head(self, channel: str, form: bytes, now_ms: int) -> bytes:
        # PROTOCOLS 4.7: the order of `ts` and `type` differs by product.
        text = b'{"topic":"%b.%b","ts":%d,"type":"%b"' if self._is_spot else b'{"topic":"%b.%b","type":"%b","ts":%d'
        told = (now_ms, form) if self._is_spot else (form, now_ms)
        return text % (channel.encode(), self._symbol, *told)

    def _levels(self, levels: Iterable[tuple[int, int]]) -> bytes:
        price, size = self.model.price, self.model.size
        return b",".join([b'["%b","%b"]' % (price(ticks), size(units) if units else b"0") for ticks, units in levels])

    def _book(self, levels: tuple[bytes, bytes], number: int) -> bytes:
        text = b'{"s":"%b","b":[%b],"a":[%b],"u":%d,"seq":%d'
        return text % (self._symbol, *levels, number, self.model.update_id)

    def _whole(self, limit: int | None = None) -> tuple[bytes, bytes]:
        return self._levels(self.model.levels(0, limit)), self._levels(self.model.levels(1, limit))

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        if TRADES not in self._keys:
            return
        singles = b",".join([self._single(fill, number, size) for number, size in fill.parts()])
        out.append(
            (self._keys[TRADES], b'%b,"data":[%b]}' % (self._head(TRADES, b"snapshot", fill.at_ms + 1), singles))
        )

    def _single(self, fill: Fill, number: int, units: int) -> bytes:
        side, price, size = _SIDES[fill.taker_sells], self.model.price(fill.ticks), self.model.size(units)
        tail = b'"BT":false,"RPI":false'
        if self._is_spot:
            return b'{"i":"%d","T":%d,"p":"%b","v":"%b","S":"%b","seq":%d,"s":"%b",%b}' % (
                number, fill.at_ms, price, size, side, self.model.update_id, self._symbol, tail,
            )  # fmt: skip
        one = str(uuid.uuid5(_UUIDS, f"{self.model.name} {number}")).encode()
        return b'{"T":%d,"s":"%b","S":"%b","v":"%b","p":"%b","L":"PlusTick","i":"%b",%b,"seq":%d}' % (
            fill.at_ms, self._symbol, side, size, price, one, tail, self.model.update_id,
        )  # fmt: skip

    @override
    def quote(self, now_ms: int, out: list[Frame]) -> None:
        if QUOTES in self._keys:
            self._ids[1] += 1
            self._look(now_ms)
            self._say_best(now_ms, out)

    def _look(self, now_ms: int) -> None:
        """Take the best bid and ask as they are under the id that is due."""
        model = self.model
        sides = [[(ticks, model.books[side][ticks])] for side, ticks in enumerate(model.best)]
        self._best = self._book((self._levels(sides[0]), self._levels(sides[1])), self._ids[1])
        self._best_ms = now_ms

    def _say_best(self, now_ms: int, out: list[Frame]) -> None:
        self._said_ms = now_ms
        text = b'%b,"data":%b},"cts":%d}'
        payload = text % (self._head(QUOTES, b"snapshot", now_ms), self._best, self._best_ms - ENGINE_MS)
        out.append((self._keys[QUOTES], payload))

    @override
    def idle(self, now_ms: int, out: list[Frame]) -> None:
        # PROTOCOLS 4.4: the same `u` again is a heartbeat.
        if self._best and now_ms - self._said_ms >= REPEAT_MS:
            self._say_best(now_ms, out)

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        self._counted += 1
        restarts = not self.model.first_id % _RESTART_EVERY and self._counted >= _RESTART_AFTER_MIN
        if restarts:
            self._restart(now_ms, out)
        else:
            self._ids |= {depth: self._ids[depth] + 1 for depth in DEPTHS}
        # PROTOCOLS 4.6.3: on any type.
        form = b"snapshot" if self._restarts % 2 and restarts else b"delta"
        bids, asks = self.model.pending
        levels = (
            self._whole()
            if restarts
            else (self._levels(sorted(bids.items(), reverse=True)), self._levels(sorted(asks.items())))
        )
        for depth in DEPTHS:
            if f"orderbook.{depth}" in self._keys:
                self._say_book(depth, form, levels, now_ms, out)

    def _restart(self, now_ms: int, out: list[Frame]) -> None:
        """Start the service again: every depth counts from 1, and the books are told whole."""
        self._restarts += 1
        self._counted = 0
        self._ids = dict.fromkeys(self._ids, RESTART_ID)
        if QUOTES in self._keys:
            self._look(now_ms)
            self._say_best(now_ms, out)

    def _say_book(self, depth: int, form: bytes, levels: tuple[bytes, bytes], now_ms: int, out: list[Frame]) -> None:
        channel = f"orderbook.{depth}"
        book = self._book(levels, self._ids[depth])
        payload = b'%b,"data":%b},"cts":%d}' % (self._head(channel, form, now_ms), book, now_ms - ENGINE_MS)
        out.append((self._keys[channel], payload))

    @override
    def mark(self, mark: Mark, out: list[Frame]) -> None:
        if TICKERS not in self._keys:
            return
        self._marks += 1
        facts = self._facts(mark)
        if self._ticker and not self._marks % _LAST_ONLY_EVERY:
            facts = {name: facts[name] for name in (b"lastPrice", b"bid1Price", b"ask1Price")}
        told = {name: value for name, value in facts.items() if self._ticker.get(name) != value}
        form, self._ticker = (b"delta" if self._ticker else b"snapshot"), {**self._ticker, **told}
        out.append((self._keys[TICKERS], self._say_ticker(form, told, mark.at_ms)))

    def _facts(self, mark: Mark) -> dict[bytes, bytes]:
        price = self.model.price
        facts = {
            b"lastPrice": price(mark.settle),
            b"markPrice": price(mark.mark),
            b"indexPrice": price(mark.index),
            b"openInterest": self.model.size(mark.open_interest),
            b"bid1Price": price(self.model.best[0]),
            b"ask1Price": price(self.model.best[1]),
        }
        if self.model.listing.expires_ms:
            # PROTOCOLS 4.4: a dated future shares the topic and has no funding.
            return {**facts, b"fundingRate": b"", b"nextFundingTime": b"0"}
        # The interval was never seen to change; the rate is told a few times a minute.
        rate = mark.rate if mark.at_ms % 10_000 < self.mark_ms else self._ticker.get(b"fundingRate", mark.rate)
        due = b"%d" % mark.next_funding_ms
        return {**facts, b"fundingRate": rate, b"nextFundingTime": due, b"fundingIntervalHour": self._hours}

    def _say_ticker(self, form: bytes, told: dict[bytes, bytes], at_ms: int) -> bytes:
        fields = b",".join([b'"symbol":"%b"' % self._symbol, *(b'"%b":"%b"' % pair for pair in told.items())])
        text = b'{"topic":"tickers.%b","type":"%b","data":{%b},"cs":%d,"ts":%d}'
        return text % (self._symbol, form, fields, self.model.update_id, at_ms)

    @override
    def liquidation(self, liquidation: Liquidation, out: list[Frame]) -> None:
        if LIQUIDATIONS not in self._keys:
            return
        # PROTOCOLS 1.3: `S` is the side of the position: a long one was bought.
        one = b'{"T":%d,"s":"%b","S":"%b","v":"%b","p":"%b"}' % (
            liquidation.at_ms, self._symbol, _SIDES[not liquidation.is_long], self.model.size(liquidation.size),
            self.model.price(liquidation.ticks),
        )  # fmt: skip
        self._liquidations += 1
        entries = one if self._liquidations % _TWINS_EVERY else one + b"," + one
        head = self._head(LIQUIDATIONS, b"snapshot", liquidation.at_ms + 1)
        out.append((self._keys[LIQUIDATIONS], b'%b,"data":[%b]}' % (head, entries)))

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        channel = split(key.partition(" ")[2])[0]
        found: list[Frame] = []
        if channel == QUOTES:
            if not self._best:
                self._look(now_ms)
            self._say_best(now_ms, found)
        elif channel == TICKERS and self._ticker:
            return [self._say_ticker(b"snapshot", self._ticker, now_ms)]
        elif channel not in {TRADES, TICKERS, LIQUIDATIONS}:
            self._say_book(int(channel.rpartition(".")[2]), b"snapshot", self._whole(), now_ms, found)
        return [payload for _, payload in found]

    @override
    def rest_snapshot(self, limit: int, now_ms: int) -> bytes:
        book = self._book(self._whole(limit), self._ids[REST_DEPTH])
        text = b'{"retCode":0,"retMsg":"OK","result":%b,"ts":%d,"cts":%d},"retExtInfo":{},"time":%d}'
        return text % (book, now_ms, now_ms - ENGINE_MS, now_ms)
