"""Coinbase Advanced Trade: one connection as the venue serves it. PROTOCOLS 6.2.2, 6.2.3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._coinbase import time_text
from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

MARKET = "spot"
HEARTBEATS = "heartbeats"
_BEAT_S = 1.0
_SERVED = frozenset({"level2", "market_trades", "ticker", "ticker_batch", "candles", "status", HEARTBEATS})
_NUMBER = re.compile(rb'"sequence_num":\d+')
_NUMBER_WITHIN = 256
"""Bytes of a frame in which its number stands: a snapshot is several MB long."""


class _Request(msgspec.Struct):
    """Hold one request; a channel of its own per message."""

    type: str
    channel: str
    product_ids: list[str] = []


_requests = msgspec.json.Decoder(_Request)


def enveloped(channel: str, stamp: bytes, event: bytes) -> bytes:
    """Return a frame with one event; its number is that of nobody yet."""
    return b'{"channel":"%b","timestamp":"%b","sequence_num":0,"events":[%b]}' % (channel.encode(), stamp, event)


class AdvancedSession(Session):
    """Answer subscribe and unsubscribe with everything that is active; beat; number all frames (PROTOCOLS 6.2.2)."""

    numbered = True
    plain = False

    def __init__(self, venue: Venue, desk: Desk) -> None:
        """Start with nothing subscribed."""
        super().__init__(venue, desk)
        self._beats = False
        self._next_beat_s = 0.0
        self._count = 0

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        try:
            asked = _requests.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [_refused("failed to parse message")]
        if asked.type not in {"subscribe", "unsubscribe"} or asked.channel not in _SERVED:
            return [_refused("unknown message type or channel")]
        if asked.channel == HEARTBEATS:
            self._beats = asked.type == "subscribe"
            return [self._listed({})]
        keys = [self.venue.key(MARKET, f"{asked.channel}:{product}") for product in asked.product_ids]
        if asked.type == "unsubscribe":
            return [*[Stop(key) for key in keys], self._listed(dict.fromkeys(keys, False))]
        if not keys:
            return [_refused("no product ids")]
        return self._subscribe(keys)

    def _subscribe(self, keys: Sequence[str]) -> Sequence[Action]:
        actions: list[Action] = []
        taken: dict[str, bool] = {}
        for key in keys:
            if self.desk.refuses(key) or not self.desk.knows(key):
                actions.append(_refused(f"{key.rpartition(':')[2]} is not a valid product"))
            else:
                actions.append(Start(key))
                taken[key] = True
        # Data comes before the answer (recordings/README.md).
        return [*actions, self._listed(taken)] if taken else actions

    def _listed(self, changed: Mapping[str, bool]) -> Send:
        """Answer with all that is active once these came (True) and went (False)."""
        active = {**dict.fromkeys(self.desk.streams(), True), **changed}
        channels: dict[str, list[str]] = {HEARTBEATS: [HEARTBEATS]} if self._beats else {}
        for key in [key for key, is_active in active.items() if is_active]:
            channel, _, product = key.partition(" ")[2].partition(":")
            channels.setdefault(channel, []).append(product)
        event = msgspec.json.encode({"subscriptions": dict(sorted(channels.items()))})
        return Send(enveloped("subscriptions", time_text(self.desk.world.now_ms, b"000001"), event))

    @override
    def on_tick(self, now_s: float) -> Sequence[Action]:
        if not self._beats or now_s < self._next_beat_s:
            return ()
        self._next_beat_s = now_s + _BEAT_S
        self._count += 1
        now = time_text(self.desk.world.now_ms, b"000002")
        told = b'{"current_time":"%b UTC","heartbeat_counter":%d}' % (now[:-1].replace(b"T", b" "), self._count)
        return [Send(enveloped(HEARTBEATS, now, told))]

    @override
    def dress(self, payload: bytes, *, is_data: bool) -> bytes:
        found = _NUMBER.search(payload, 0, _NUMBER_WITHIN)
        if found is None:  # an error has none
            return payload
        self.number += 1
        return b'%b"sequence_num":%d%b' % (payload[: found.start()], self.number, payload[found.end() :])

    @override
    def skip(self, count: int = 1) -> None:
        self.number += count


def _refused(text: str) -> Send:
    return Send(msgspec.json.encode({"type": "error", "message": text}))
