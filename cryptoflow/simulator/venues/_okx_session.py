"""OKX: how a connection is answered. PROTOCOLS 5.2, 5.3."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._okx import FOLLOWERS, INDEX, KINDS, MARKETS, follows, market_of
from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

BUSINESS_CHANNELS = frozenset({"trades-all"})
"""Channels of /ws/v5/business; all others live on /ws/v5/public (PROTOCOLS 5.1)."""

_CONNECTION_ID_DIGITS = 8


class _Arg(msgspec.Struct, omit_defaults=True):
    channel: str
    instId: str = ""  # noqa: N815 - as on the wire
    instType: str = ""  # noqa: N815 - as on the wire


class _Command(msgspec.Struct):
    """`{"id":"1","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`."""

    op: str
    args: list[_Arg]
    id: str = ""


_command = msgspec.json.Decoder(_Command)


class OkxSession(Session):
    """Answer subscribe and unsubscribe, one answer per argument, and the text `ping`."""

    def __init__(self, venue: Venue, desk: Desk, *, business: bool) -> None:
        """Start without subscriptions."""
        super().__init__(venue, desk)
        self._business = business

    @override
    def on_notice(self) -> Sequence[Action]:
        text = "The connection will soon be closed for a service upgrade. Please reconnect."
        return [self._event("notice", code="64008", msg=text)]

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        if message in {"ping", b"ping"}:
            return [Send(b"pong")]
        try:
            asked = _command.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._event("error", code="60012", msg="Invalid request")]
        if asked.op not in {"subscribe", "unsubscribe"}:
            return [self._event("error", asked.id, code="60012", msg=f"Invalid request: {asked.op}")]
        keys = [self._key(arg) for arg in asked.args]
        chars = len(msgspec.json.encode(asked.args))
        broken = self.overstep(keys, is_subscribe=asked.op == "subscribe", chars=chars)
        if broken:
            return [self._event("error", asked.id, code="60014", msg=f"Requests too frequent or too long: {broken}")]
        return [action for arg, key in zip(asked.args, keys, strict=True) for action in self._one(asked, arg, key)]

    def _key(self, arg: _Arg) -> str:
        """Return the stream of an argument; an index belongs to the market whose contracts follow it."""
        key_of, name = self.venue.key, f"{arg.channel}:{arg.instId or arg.instType}"
        if arg.channel == INDEX:
            found = (market for market in FOLLOWERS if self._follows(market, arg.instId))
            return key_of(next(found, FOLLOWERS[0]), name)
        market = MARKETS.get(arg.instType, "spot") if not arg.instId else market_of(arg.instId)
        return key_of(market, name)

    def _follows(self, market: str, index: str) -> bool:
        return any(follows(one.symbol, index) for one in self.desk.world.listings(self.venue.full(market)))

    def _one(self, asked: _Command, arg: _Arg, key: str) -> Sequence[Action]:
        if asked.op == "unsubscribe":
            return [Stop(key), self._event("unsubscribe", asked.id, arg=arg)]
        lives_here = arg.channel in KINDS and (arg.channel in BUSINESS_CHANNELS) is self._business
        if not lives_here or not self.desk.knows(key) or self.desk.refuses(key):
            place = f"instId:{arg.instId}" if arg.instId else f"instType:{arg.instType}"
            text = (
                f"Wrong URL or channel:{arg.channel},{place} doesn't exist. "
                "Please use the correct URL, channel and parameters referring to API document."
            )
            return [self._event("error", asked.id, code="60018", msg=text)]
        return [self._event("subscribe", asked.id, arg=arg), Start(key)]

    def _event(self, event: str, request_id: str = "", **told: object) -> Send:
        head = {"id": request_id} if request_id else {}
        conn = f"{self.desk.number:0{_CONNECTION_ID_DIGITS}x}"
        return Send(msgspec.json.encode({**head, "event": event, **told, "connId": conn}))
