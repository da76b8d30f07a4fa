"""Where clients come in: connections, their messages, and the limits a connection alone can break."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cryptoflow import clock
from cryptoflow.simulator._limits import Window
from cryptoflow.simulator.client import Client
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.venues._values import Action, Cut, Limits
from cryptoflow.simulator.venues._venue import Venue, World

_TICK_S = 0.2
_POLICY = 1008


class Door:
    """Admit connections to the venue of their path and keep each until it ends."""

    def __init__(self, venues: Sequence[Venue], world: World, hub: Hub, options: SimulatorOptions) -> None:
        """Start with nobody connected."""
        self._venues = sorted(venues, key=lambda venue: -len(venue.prefix))
        self._world = world
        self._hub = hub
        self._options = options
        self._limits = {venue.prefix: self.limits(venue) for venue in venues}
        self._connects = {
            prefix: Window(limits.connects_max, limits.connects_window_s) for prefix, limits in self._limits.items()
        }
        self._numbers = 0

    def limits(self, venue: Venue) -> Limits:
        """Return the limits kept for a venue in this run."""
        return dataclasses.replace(venue.limits, **self._options.limits)  # type: ignore[arg-type] # names are checked

    def _venue(self, path: str) -> Venue | None:
        for venue in self._venues:
            if path == venue.prefix or path.startswith((venue.prefix + "/", venue.prefix + "?")):
                return venue
        return None

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse unknown paths and too many connection attempts."""
        venue = self._venue(request.path)
        if venue is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such path\n")
        if not self._connects[venue.prefix].take():
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many connection attempts\n")
        if self._open(connection, venue, request.path, number=0) is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such path\n")
        return None

    def _open(self, connection: ServerConnection, venue: Venue, path: str, *, number: int) -> Client | None:
        client = Client(number, connection, venue, self._world)
        client.limits = self._limits[venue.prefix]
        client.refused = self._hub.refused
        session = venue.session(path.removeprefix(venue.prefix), client)
        if session is None:
            return None
        client.session = session
        return client

    async def talk(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends."""
        path = connection.request.path if connection.request else ""
        venue = self._venue(path)
        self._numbers += 1
        client = self._open(connection, venue, path, number=self._numbers) if venue else None
        if client is None:
            return
        self._hub.open(client, path)
        limits = client.limits
        pace = Window(limits.messages_max or 0, limits.messages_window_s)
        try:
            await self._do(client, client.session.on_open())
            async for message in connection:
                if limits.messages_max and not pace.take():
                    await self._do(client, [Cut(_POLICY, "Too many requests")])
                    return
                await self._do(client, client.session.on_text(message))
        except ConnectionClosed:
            pass
        finally:
            self._hub.drop(client, "client")

    async def _do(self, client: Client, actions: Sequence[Action]) -> None:
        cut = self._hub.act(client, actions)
        self._hub.ledger.flush()
        if not client.drip_bytes_s:
            client.write()
        if cut is not None:
            self._hub.ledger.event("cut", conn=client.number, reason=cut.reason)
            self._hub.drop(client, "venue")
            await client.connection.close(cut.code, cut.reason)

    async def tick_for_ever(self) -> None:
        """Let time pass on every connection."""
        while True:
            await asyncio.sleep(_TICK_S)
            for client in list(self._hub.clients.values()):
                await self._tick(client)

    async def _tick(self, client: Client) -> None:
        if client.half_open:
            return
        now_s = clock.monotonic_s()
        if client.drip_bytes_s:
            client.drip(now_s)
            return
        reason = self._overdue(client, now_s)
        if reason:
            await self._do(client, [Cut(_POLICY, reason)])
        elif actions := client.session.on_tick(now_s):
            await self._do(client, actions)

    @staticmethod
    def _overdue(client: Client, now_s: float) -> str:
        """Return what the connection has failed to do in time, "" for nothing."""
        limits = client.limits
        if limits.subscribe_within_s and not client.subscribed and not client.has_subscribed:
            return "nothing subscribed in time" if now_s - client.opened_s > limits.subscribe_within_s else ""
        if limits.lifetime_s and now_s - client.opened_s > limits.lifetime_s:
            return "its lifetime is over"
        if limits.idle_push_s and now_s - client.pushed_s > limits.idle_push_s:
            return "nothing pushed for too long"
        if limits.client_silence_s and now_s - client.heard_s > limits.client_silence_s:
            return "no message of the client for too long"
        return ""
