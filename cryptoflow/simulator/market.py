"""One symbol's market: a real book, and the frames a venue would send of it.

Prices and sizes are integers of the tick and step; texts are made from small caches, because a
million frames have to be made in half a minute.
"""

from __future__ import annotations

import random

_DEPTH_MS = 100
_MARK_MS = 1000
_FUNDING_MS = 8 * 3600 * 1000
_STEP_DECIMALS = 3
_LEVELS_MIN = 8
_SIZE_MAX = 9000
_HALF = 0.5
# Bounds of one uniform draw per step: below the first a quote changes, below the second a trade
# happens, and below the small one also a liquidation.
_QUOTES, _LIQUIDATES, _TRADES = 0.55, 0.5515, 0.85
_IMPROVES, _WITHDRAWS = 0.2, 0.3
SIZES = [b"%d.%03d" % divmod(size, 1000) for size in range(20_000)]

Frame = tuple[str, bytes]


class SymbolMarket:
    """Move one symbol's book step by step and append the frames each step causes.

    Index 0 is the bid side, 1 the ask side. `update_id` is the id of the last change of the book;
    `pending` are the changes since the last depth frame, which began with id `first_id`.
    """

    def __init__(self, name: str, seed: int, channels: tuple[str, ...], levels: int) -> None:
        """Build the first book from the seed and the name."""
        self.name = name
        rng = random.Random(f"{seed}/{name}")  # noqa: S311 - a market, not a secret
        self._random = rng.random
        self.decimals = rng.choice((1, 2, 4))
        self._unit = 10**self.decimals
        self._levels = levels
        middle = rng.randrange(5_000, 500_000)
        self.books: list[dict[int, int]] = [{}, {}]
        self.best = [middle, middle + 2]
        for distance in range(levels):
            self.books[0][middle - distance] = 1 + int(self._random() * _SIZE_MAX)
            self.books[1][middle + 2 + distance] = 1 + int(self._random() * _SIZE_MAX)
        self.update_id = rng.randrange(10**9, 10**10)
        self.sent_id = self.update_id
        self.first_id = 0
        self.pending: list[dict[int, int]] = [{}, {}]
        self._agg_id = rng.randrange(10**6, 10**8)
        self._trade_id = rng.randrange(10**7, 10**9)
        self._depth_at = self._mark_at = 0
        self._force_ms = 0
        self._price_text: dict[int, bytes] = {}
        self._channels = frozenset(channels)
        lower = name.lower()
        self._streams = {channel: f"{lower}@{channel}" for channel in channels}
        self._heads = {channel: f'{{"stream":"{stream}","data":'.encode() for channel, stream in self._streams.items()}
        depth = [channel for channel in channels if channel.startswith("depth")]
        self._depth_channel = depth[0] if depth else ""
        self._symbol = name.encode()

    def step(self, now_ms: int, out: list[Frame]) -> None:
        """Let one thing happen at a venue time and append the frames due by then."""
        draw = self._random()
        if draw < _QUOTES:
            self._requote(now_ms, out)
        elif draw < _TRADES:
            self._trade(now_ms, out)
            if draw < _LIQUIDATES:
                self._liquidate(now_ms, out)
        else:
            self._change_deeper()
            self._change_deeper()
        if now_ms >= self._depth_at:
            self._depth_at = now_ms + _DEPTH_MS
            self.depth(now_ms, out)
        if now_ms >= self._mark_at:
            self._mark_at = now_ms + _MARK_MS
            self._mark(now_ms, out)

    def close(self, now_ms: int, out: list[Frame]) -> None:
        """Append one frame of every channel, so that nothing missing stays unseen."""
        self._trade(now_ms, out)
        self.depth(now_ms, out)
        self._mark_at = max(self._mark_at, now_ms) + _MARK_MS
        self._mark(self._mark_at, out)
        self._liquidate(now_ms, out)

    def snapshot(self, limit: int, now_ms: int) -> bytes:
        """Return the REST answer for the book as it is now (PROTOCOLS 3.4.2)."""
        bids = sorted(self.books[0].items(), reverse=True)[:limit]
        asks = sorted(self.books[1].items())[:limit]
        return b'{"lastUpdateId":%d,"E":%d,"T":%d,"bids":[%b],"asks":[%b]}' % (
            self.update_id,
            now_ms,
            now_ms - 1,
            self._pairs(bids),
            self._pairs(asks),
        )

    def price(self, ticks: int) -> bytes:
        """Return a price as the venue writes it."""
        text = self._price_text.get(ticks)
        if text is None:
            text = b"%d.%0*d" % (ticks // self._unit, self.decimals, ticks % self._unit)
            self._price_text[ticks] = text
        return text

    def _pairs(self, levels: list[tuple[int, int]]) -> bytes:
        price = self.price
        return b",".join([b'["%b","%b"]' % (price(ticks), SIZES[size]) for ticks, size in levels])

    def _set(self, side: int, ticks: int, size: int) -> None:
        self.update_id += 1 + int(self._random() * 3)
        if not (self.pending[0] or self.pending[1]):
            self.first_id = self.update_id
        self.pending[side][ticks] = size
        if size:
            self.books[side][ticks] = size
        else:
            self.books[side].pop(ticks, None)

    def _remove_best(self, side: int) -> None:
        book = self.books[side]
        if len(book) <= _LEVELS_MIN:
            self._set(side, self.best[side], 1 + int(self._random() * _SIZE_MAX))
            return
        self._set(side, self.best[side], 0)
        self.best[side] = min(book) if side else max(book)

    def _requote(self, now_ms: int, out: list[Frame]) -> None:
        side = 1 if self._random() < _HALF else 0
        draw = self._random()
        better = self.best[side] + (-1 if side else 1)
        if draw < _IMPROVES and better != self.best[1 - side]:
            self.best[side] = better
            self._set(side, better, 1 + int(self._random() * _SIZE_MAX))
        elif draw < _WITHDRAWS:
            self._remove_best(side)
        else:
            self._set(side, self.best[side], 1 + int(self._random() * _SIZE_MAX))
        self._quote(now_ms, out)

    def _change_deeper(self) -> None:
        side = 1 if self._random() < _HALF else 0
        book = self.books[side]
        if len(book) > 2 * self._levels:
            self._set(side, max(book) if side else min(book), 0)
            return
        distance = 1 + int(self._random() * self._levels)
        ticks = self.best[side] + (distance if side else -distance)
        if ticks <= 0:
            return
        remove = ticks in book and len(book) > self._levels and self._random() < _HALF
        self._set(side, ticks, 0 if remove else 1 + int(self._random() * _SIZE_MAX))

    def _trade(self, now_ms: int, out: list[Frame]) -> None:
        side = 1 if self._random() < _HALF else 0
        ticks = self.best[side]
        resting = self.books[side][ticks]
        size = 1 + int(self._random() * resting)
        if size >= resting:
            size = resting
            self._remove_best(side)
        else:
            self._set(side, ticks, resting - size)
        fills = min(size, 1 + int(self._random() * 3))
        self._quote(now_ms, out)
        self._tell_trade(now_ms, out, ticks, size, fills, b"false" if side else b"true")

    def _tell_trade(self, now_ms: int, out: list[Frame], ticks: int, size: int, fills: int, maker: bytes) -> None:
        first, self._trade_id = self._trade_id + 1, self._trade_id + fills
        price, text = self.price(ticks), SIZES[size]
        if "trade" in self._channels:
            stream, head = self._streams["trade"], self._heads["trade"]
            for fill in range(fills):
                part = SIZES[size - fills + 1 if fill == 0 else 1]
                out.append(
                    (
                        stream,
                        b'%b{"e":"trade","E":%d,"T":%d,"s":"%b","t":%d,"p":"%b","q":"%b","X":"MARKET","m":%b,"st":1}}'
                        % (head, now_ms, now_ms - 1, self._symbol, first + fill, price, part, maker),
                    )
                )
        if "aggTrade" in self._channels:
            self._agg_id += 1
            out.append(
                (
                    self._streams["aggTrade"],
                    b'%b{"e":"aggTrade","E":%d,"s":"%b","a":%d,"p":"%b","q":"%b","nq":"%b","f":%d,"l":%d,"T":%d,'
                    b'"m":%b,"st":1}}'
                    % (
                        self._heads["aggTrade"], now_ms, self._symbol, self._agg_id, price, text, text,
                        first, self._trade_id, now_ms - 1, maker,
                    ),
                )
            )  # fmt: skip

    def _quote(self, now_ms: int, out: list[Frame]) -> None:
        if "bookTicker" not in self._channels:
            return
        bid, ask = self.best
        out.append(
            (
                self._streams["bookTicker"],
                b'%b{"e":"bookTicker","u":%d,"E":%d,"T":%d,"s":"%b","ps":"%b","b":"%b","B":"%b","a":"%b","A":"%b",'
                b'"st":1}}'
                % (
                    self._heads["bookTicker"], self.update_id, now_ms, now_ms - 1, self._symbol, self._symbol,
                    self.price(bid), SIZES[self.books[0][bid]], self.price(ask), SIZES[self.books[1][ask]],
                ),
            )
        )  # fmt: skip

    def depth(self, now_ms: int, out: list[Frame]) -> None:
        """Append the depth frame of all changes since the last one, if there are any."""
        bids, asks = self.pending
        if not self._depth_channel or not (bids or asks):
            return
        out.append(
            (
                self._streams[self._depth_channel],
                b'%b{"e":"depthUpdate","E":%d,"T":%d,"s":"%b","ps":"%b","U":%d,"u":%d,"pu":%d,"b":[%b],"a":[%b],'
                b'"st":1}}'
                % (
                    self._heads[self._depth_channel], now_ms, now_ms - 1, self._symbol, self._symbol,
                    self.first_id, self.update_id, self.sent_id,
                    self._pairs(sorted(bids.items(), reverse=True)), self._pairs(sorted(asks.items())),
                ),
            )
        )  # fmt: skip
        self.sent_id = self.update_id
        self.pending = [{}, {}]

    def _mark(self, now_ms: int, out: list[Frame]) -> None:
        channel = next((name for name in self._channels if name.startswith("markPrice")), "")
        if not channel:
            return
        mark = self.price(self.best[0] + 1)
        rate = int(self._random() * 400) - 100
        out.append(
            (
                self._streams[channel],
                b'%b{"e":"markPriceUpdate","E":%d,"s":"%b","p":"%b","ap":"%b","i":"%b","P":"%b","r":"%b0.%08d",'
                b'"T":%d,"st":1}}'
                % (
                    self._heads[channel], now_ms, self._symbol, mark, mark, self.price(self.best[1]), mark,
                    b"-" if rate < 0 else b"", abs(rate) * 100, (now_ms // _FUNDING_MS + 1) * _FUNDING_MS,
                ),
            )
        )  # fmt: skip

    def _liquidate(self, now_ms: int, out: list[Frame]) -> None:
        if "forceOrder" not in self._channels:
            return
        # A liquidation has no id: a time of its own keeps genuine twins apart.
        self._force_ms = max(self._force_ms + 1, now_ms)
        long = self._random() < _HALF
        price = self.price(self.best[0 if long else 1])
        size = SIZES[1 + int(self._random() * 900)]
        out.append(
            (
                self._streams["forceOrder"],
                b'%b{"e":"forceOrder","E":%d,"o":{"s":"%b","S":"%b","o":"LIMIT","f":"IOC","q":"%b","p":"%b","ap":"%b",'
                b'"X":"FILLED","l":"%b","z":"%b","T":%d},"ps":"%b","st":1}}'
                % (
                    self._heads["forceOrder"], self._force_ms + 2, self._symbol, b"SELL" if long else b"BUY",
                    size, price, price, size, size, self._force_ms, self._symbol,
                ),
            )
        )  # fmt: skip
