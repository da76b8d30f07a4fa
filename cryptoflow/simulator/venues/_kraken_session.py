"""Kraken spot: how a connection is answered. PROTOCOLS 7.1.2."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._kraken import stamp
from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

MARKET = "spot"
DEPTHS = (10, 25, 100, 500, 1000)
DEPTH_DEFAULT = 10
KINDS = {"trade": "trades", "ticker": "quotes", "book": "book"}
"""What a channel carries."""

_HEARTBEAT_S = 1.0


class Params(msgspec.Struct):
    """Hold what a client asks for."""

    channel: str = ""
    symbol: list[str] = []
    depth: int = DEPTH_DEFAULT
    snapshot: bool = True
    event_trigger: str = "trades"


class Command(msgspec.Struct):
    """Hold one request: `{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":1}`."""

    method: str
    params: Params = msgspec.field(default_factory=Params)
    req_id: int | None = None


read_command = msgspec.json.Decoder(Command).decode


def stream_of(channel: str, depth: int, symbol: str) -> str:
    """Name a subscription as the producer does."""
    return f"book@{depth}:{symbol}" if channel == "book" else f"{channel}:{symbol}"


class SpotSession(Session):
    """Answer subscribe, unsubscribe and ping (PROTOCOLS 7.1.2)."""

    def __init__(self, venue: Venue, desk: Desk) -> None:
        """Start without subscriptions."""
        super().__init__(venue, desk)
        self._beat_s = 0.0

    def _time(self) -> str:
        return stamp(self.desk.world.now_ms).decode()

    @override
    def on_open(self) -> Sequence[Action]:
        return [self._status("online")]

    @override
    def on_notice(self) -> Sequence[Action]:
        return [self._status("maintenance")]

    def _status(self, system: str) -> Send:
        told = {"system": system, "api_version": "v2", "connection_id": self.desk.number, "version": "2.0.10"}
        return Send(msgspec.json.encode({"channel": "status", "type": "update", "data": [told]}))

    @override
    def on_tick(self, now_s: float) -> Sequence[Action]:
        # PROTOCOLS 7.1.2: about 1/s, once subscribed to anything.
        if not self.desk.streams() or now_s - self._beat_s < _HEARTBEAT_S:
            return ()
        self._beat_s = now_s
        return [Send(b'{"channel":"heartbeat"}')]

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        try:
            asked = read_command(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return [Send(msgspec.json.encode({"error": f"Malformed request: {error}", "success": False}))]
        if asked.method == "ping":
            times = {"time_in": self._time(), "time_out": self._time()}
            return [Send(msgspec.json.encode({"method": "pong", **self._id(asked), **times}))]
        if asked.method not in {"subscribe", "unsubscribe"}:
            return [self._answer(asked, "", error=f"Unsupported method {asked.method}")]
        if asked.params.channel not in KINDS:
            return [self._answer(asked, "", error="Unsupported channel")]
        if asked.params.channel == "book" and asked.params.depth not in DEPTHS:
            return [self._answer(asked, "", error="Subscription depth not supported")]
        return [action for symbol in asked.params.symbol for action in self._one(asked, symbol)]

    def _one(self, asked: Command, symbol: str) -> Sequence[Action]:
        # PROTOCOLS 7.1.2: one answer per symbol, with the same id.
        key = self.venue.key(MARKET, stream_of(asked.params.channel, asked.params.depth, symbol))
        if asked.method == "unsubscribe":
            if key not in self.desk.streams():
                return [self._answer(asked, symbol, error="Subscription Not Found")]
            return [Stop(key), self._answer(asked, symbol)]
        if not self.desk.knows(key) or self.desk.refuses(key):
            return [self._answer(asked, symbol, error=f"Currency pair not supported {symbol}")]
        return [self._answer(asked, symbol), Start(key)]

    @staticmethod
    def _id(asked: Command) -> dict[str, int]:
        return {} if asked.req_id is None else {"req_id": asked.req_id}

    def _answer(self, asked: Command, symbol: str, error: str = "") -> Send:
        told: dict[str, object] = {"method": asked.method}
        if error:
            told |= {"error": error, "success": False, **({"symbol": symbol} if symbol else {})}
        else:
            result: dict[str, object] = {"channel": asked.params.channel, "symbol": symbol}
            if asked.params.channel == "book":
                result["depth"] = asked.params.depth
            told |= {"result": result, "success": True}
        return Send(msgspec.json.encode({**told, "time_in": self._time(), "time_out": self._time(), **self._id(asked)}))
