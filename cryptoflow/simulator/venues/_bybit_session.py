"""Bybit: how a connection is answered. PROTOCOLS 4.2, 4.3."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._bybit import KINDS, SPOT, split
from cryptoflow.simulator.venues._values import Action, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

SPOT_ARGS_MAX = 10
"""Topics of one request; contracts have no such limit (PROTOCOLS 4.3)."""


class _Command(msgspec.Struct):
    """`{"req_id":"a1","op":"subscribe","args":["orderbook.50.BTCUSDT"]}`."""

    op: str
    args: list[str] = []
    req_id: str = ""


_command = msgspec.json.Decoder(_Command)


class BybitSession(Session):
    """Answer subscribe, unsubscribe and ping: one answer per request, which names no topic."""

    def __init__(self, venue: Venue, desk: Desk, market: str) -> None:
        """Start without subscriptions."""
        super().__init__(venue, desk)
        self._market = market

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        try:
            asked = _command.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._answer(_Command("subscribe"), error="error:request is not readable")]
        if asked.op == "ping":
            return [self._answer(asked, text="pong")]
        if asked.op not in {"subscribe", "unsubscribe"}:
            return [self._answer(asked, error=f"error:unknown op {asked.op}")]
        keys = [self.venue.key(self._market, topic) for topic in asked.args]
        if asked.op == "unsubscribe":
            return [*map(Stop, keys), self._answer(asked)]
        refusal = self._refusal(asked, keys)
        if refusal:
            return [self._answer(asked, error=refusal)]
        # PROTOCOLS 4.2: the answer names no topic. Data of contracts was recorded before the first answer.
        starts, answer = [*map(Start, keys)], self._answer(asked)
        return [answer, *starts] if self._market == SPOT else [*starts, answer]

    def _refusal(self, asked: _Command, keys: Sequence[str]) -> str:
        """Return why a request is refused; one bad topic refuses all of it (PROTOCOLS 4.2 (!))."""
        if not keys:
            return "error:args is empty"
        if self._market == SPOT and len(keys) > SPOT_ARGS_MAX:
            return f"args size >{SPOT_ARGS_MAX}"
        if broken := self.overstep(keys):
            return f"error:args are too long, {broken}"
        bad = [
            topic
            for topic, key in zip(asked.args, keys, strict=True)
            if split(topic)[0] not in KINDS[self._market] or not self.desk.knows(key) or self.desk.refuses(key)
        ]
        return f"error:handler not found,topic:{bad[0]}" if bad else ""

    def _answer(self, asked: _Command, *, text: str = "", error: str = "") -> Send:
        said = error or text or (asked.op if self._market == SPOT else "")
        # An answer to a request without an id has none on spot, and an empty one elsewhere.
        number = {"req_id": asked.req_id} if asked.req_id or self._market != SPOT else {}
        conn = f"sim-{self.desk.number:08x}"
        told = {"success": not error, "ret_msg": said, "conn_id": conn, **number, "op": asked.op}
        return Send(msgspec.json.encode(told))
