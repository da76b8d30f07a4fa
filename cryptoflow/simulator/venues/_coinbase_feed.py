"""Coinbase Exchange feed: one connection as the venue serves it. PROTOCOLS 6.1.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._coinbase import time_text
from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

MARKET = "exchange"
HEARTBEAT = "heartbeat"
CHANNELS = {"matches": "trades", "ticker": "quotes", "level2_batch": "book"}
"""What a channel carries."""

_BEAT_S = 1.0


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] | None = None


class _Request(msgspec.Struct):
    type: str
    channels: list[str | _Channel]
    product_ids: list[str] = []


_request = msgspec.json.Decoder(_Request)


class FeedSession(Session):
    """Answer subscribe and unsubscribe with everything that is active; beat for each product (PROTOCOLS 6.1.2)."""

    def __init__(self, venue: Venue, desk: Desk) -> None:
        """Start with nothing subscribed."""
        super().__init__(venue, desk)
        self._beating: dict[str, None] = {}
        self._next_beat_s = 0.0

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        try:
            asked = _request.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [_refused("Malformed JSON")]
        if asked.type not in {"subscribe", "unsubscribe"}:
            return [_refused("Type has to be either subscribe or unsubscribe")]
        channels = [one if isinstance(one, _Channel) else _Channel(one) for one in asked.channels]
        if unknown := [one.name for one in channels if one.name not in {*CHANNELS, HEARTBEAT}]:
            return [_refused(f"{unknown[0]} is not a valid channel or needs authentication")]
        named = [(one.name, product) for one in channels for product in one.product_ids or asked.product_ids]
        keys = [self.venue.key(MARKET, f"{name}:{product}") for name, product in named if name != HEARTBEAT]
        beats = [product for name, product in named if name == HEARTBEAT]
        if asked.type == "unsubscribe":
            self._beating = {product: None for product in self._beating if product not in beats}
            return [*[Stop(key) for key in keys], self._listed(dict.fromkeys(keys, False))]
        self._beating.update(dict.fromkeys(beats))
        return self._subscribe(keys)

    def _subscribe(self, keys: Sequence[str]) -> Sequence[Action]:
        actions: list[Action] = []
        taken: dict[str, bool] = {}
        for key in keys:
            if self.desk.refuses(key) or not self.desk.knows(key):
                actions.append(_refused(f"{key.rpartition(':')[2]} is not a valid product"))
            else:
                taken[key] = True
        return [*actions, self._listed(taken), *[Start(key) for key in taken]]

    def _listed(self, changed: Mapping[str, bool]) -> Send:
        active = {**dict.fromkeys(self.desk.streams(), True), **changed}
        channels: dict[str, list[str]] = {}
        for key in [key for key, is_active in active.items() if is_active]:
            channel, _, product = key.partition(" ")[2].partition(":")
            channels.setdefault(channel, []).append(product)
        if self._beating:
            channels[HEARTBEAT] = [*self._beating]
        told = [{"name": name, "product_ids": products, "account_ids": None} for name, products in channels.items()]
        return Send(msgspec.json.encode({"type": "subscriptions", "channels": told}))

    @override
    def on_tick(self, now_s: float) -> Sequence[Action]:
        if now_s < self._next_beat_s:
            return ()
        self._next_beat_s = now_s + _BEAT_S
        world = self.desk.world
        beats = []
        for product in self._beating:
            voice = world.voice(self.venue.full(MARKET), product)
            if voice is not None:
                model = voice.model
                beats.append(
                    b'{"type":"heartbeat","sequence":%d,"last_trade_id":%d,"product_id":"%b","time":"%b"}'
                    % (model.update_id, model.trade_id, product.encode(), time_text(world.now_ms))
                )
        return [Send(beat) for beat in beats]


def _refused(reason: str) -> Send:
    return Send(msgspec.json.encode({"type": "error", "message": "Failed to subscribe", "reason": reason}))
