"""Troubles of a whole connection, from a TCP reset to a deflate bomb: each lasts until the recorder has moved on."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptoflow import clock
from cryptoflow.simulator._wire import TEXT, bomb
from cryptoflow.simulator.client import Client
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.venues._values import Channel

TROUBLES = ("reset", "half_open", "slow", "day", "oversize", "bomb", "partial", "notice")
_OVERSIZE_BYTES = 32 << 20
"""More than any recorder should take as one frame; the largest of a venue are of 5 MB (Coinbase)."""

_BOMB_BYTES = 128 << 20
_STALLED = frozenset({"half_open", "slow"})
NOTICE_S = 15.0
"""Time from a notice to the end of its connection [s]; venues promise none (PROTOCOLS 2.2)."""

_SURVIVED_S = 60.0
"""A connection that has not ended by then has survived: nothing more is waited for [s]."""


@dataclass(frozen=True, slots=True)
class _Trouble:
    kind: str
    client: Client
    until_s: float


class Troubles:
    """Bring a trouble upon a connection and end what lasts."""

    def __init__(self, hub: Hub, channels: Mapping[str, Channel], rng: random.Random) -> None:
        """Start with every connection in good health."""
        self._hub = hub
        self._channels = channels
        self._rng = rng
        self._lasting: dict[int, _Trouble] = {}

    @property
    def clients(self) -> list[Client]:
        """Return the connections in trouble."""
        return [trouble.client for trouble in self._lasting.values()]

    @property
    def healed(self) -> bool:
        """Tell whether no connection is in trouble and no stream is still to be refused."""
        return not self._lasting and not self._hub.refused

    async def bring(self, kind: str, client: Client, note: Callable[..., None]) -> bool:
        """Note a trouble and begin it; True when the streams of the connection miss frames by it."""
        told = self._told(kind, client)
        if told is None:
            return False
        note(kind, conn=client.number, exchange=client.venue.exchange, **told)
        await getattr(self, f"_{kind}")(client)
        if kind not in {"reset", "partial"}:
            wait_s = NOTICE_S if kind == "notice" else _SURVIVED_S
            self._lasting[client.number] = _Trouble(kind, client, clock.monotonic_s() + wait_s)
        return kind != "notice"

    async def between(self) -> None:
        """End troubles whose time has come."""
        for number, trouble in list(self._lasting.items()):
            if number not in self._hub.clients:
                del self._lasting[number]
            elif trouble.kind in _STALLED:
                if self._is_replaced(trouble.client):
                    await self._hub.cut(trouble.client, how="abort")
            elif clock.monotonic_s() >= trouble.until_s:
                await self._end(trouble)

    async def _end(self, trouble: _Trouble) -> None:
        del self._lasting[trouble.client.number]
        if trouble.kind == "notice":
            await self._hub.cut(trouble.client, how="close")
        else:
            self._hub.ledger.event("survived", conn=trouble.client.number, kind=trouble.kind)

    def _is_replaced(self, client: Client) -> bool:
        """Tell whether every stream of a stalled connection is served on another one."""
        routes = self._hub.routes
        return all(any(not one.stalled for one in routes.get(key, ())) for key in client.subscribed)

    def _told(self, kind: str, client: Client) -> dict[str, object] | None:
        """Return what the ledger says of a trouble beyond its connection; None when it cannot be."""
        if kind != "partial":
            return {"bytes": {"oversize": _OVERSIZE_BYTES, "bomb": _BOMB_BYTES}[kind]} if kind in _SIZED else {}
        wanted = [key for key in client.subscribed if key in self._channels and self._channels[key].watched]
        if not wanted:
            return None
        refused = self._rng.choice(wanted)
        self._hub.refused.add(refused)
        return {"stream": refused}

    async def _reset(self, client: Client) -> None:
        await self._hub.cut(client, how="reset")

    async def _half_open(self, client: Client) -> None:
        client.freeze()

    async def _slow(self, client: Client) -> None:
        client.trickle()

    async def _day(self, client: Client) -> None:
        # The door cuts it at its next look, as on any connection that has had its time.
        client.opened_s -= client.limits.lifetime_s or 0.0

    async def _oversize(self, client: Client) -> None:
        client.take_raw(b" " * _OVERSIZE_BYTES, TEXT)

    async def _bomb(self, client: Client) -> None:
        client.take_raw(*await asyncio.to_thread(_packed))

    async def _partial(self, client: Client) -> None:
        await self._hub.cut(client, how="close")

    async def _notice(self, client: Client) -> None:
        self._hub.act(client, client.session.on_notice())


_SIZED = frozenset({"oversize", "bomb"})


@functools.cache
def _packed() -> tuple[bytes, int]:
    return bomb(_BOMB_BYTES)
