"""Kraken Futures: how a connection is answered. PROTOCOLS 7.2.2."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

MARKET = "futures"
FEEDS = frozenset({"trade", "ticker", "ticker_lite", "book"})
_HEARTBEAT = "heartbeat"
_HEARTBEAT_S = 1.0


class _Command(msgspec.Struct):
    """`{"event":"subscribe","feed":"book","product_ids":["PF_XBTUSD"]}`."""

    event: str
    feed: str = ""
    product_ids: list[str] = []


_command = msgspec.json.Decoder(_Command)


class FuturesSession(Session):
    """Answer subscribe and unsubscribe, one answer per product (PROTOCOLS 7.2.2)."""

    def __init__(self, venue: Venue, desk: Desk) -> None:
        """Start without subscriptions."""
        super().__init__(venue, desk)
        self._beats = False
        self._beat_s = 0.0

    @override
    def on_open(self) -> Sequence[Action]:
        return [Send(b'{"event":"info","version":1}')]

    @override
    def on_tick(self, now_s: float) -> Sequence[Action]:
        if not self._beats or now_s - self._beat_s < _HEARTBEAT_S:
            return ()
        self._beat_s = now_s
        return [Send(b'{"feed":"heartbeat","time":%d}' % self.desk.world.now_ms)]

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        try:
            asked = _command.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [Send(b'{"event":"error","message":"Json Error"}')]
        if asked.event not in {"subscribe", "unsubscribe"}:
            return [Send(b'{"event":"error","message":"Invalid event"}')]
        if asked.feed == _HEARTBEAT:
            self._beats = asked.event == "subscribe"
            return [Send(msgspec.json.encode({"event": f"{asked.event}d", "feed": _HEARTBEAT}))]
        if asked.feed not in FEEDS:
            return [Send(b'{"event":"error","message":"Invalid feed"}')]
        return [action for product in asked.product_ids for action in self._one(asked, product.upper())]

    def _one(self, asked: _Command, product: str) -> Sequence[Action]:
        key = self.venue.key(MARKET, f"{asked.feed}:{product}")
        if asked.event == "unsubscribe":
            known = key in self.desk.streams()
            return [Stop(key), _answer("unsubscribed", asked.feed, product, failed=not known)]
        if not self.desk.knows(key) or self.desk.refuses(key):
            return [_answer("subscribed", asked.feed, product, failed=True)]
        return [_answer("subscribed", asked.feed, product), Start(key)]


def _answer(event: str, feed: str, product: str, *, failed: bool = False) -> Send:
    name = f"{event}_failed" if failed else event
    return Send(msgspec.json.encode({"event": name, "feed": feed, "product_ids": [product]}))
