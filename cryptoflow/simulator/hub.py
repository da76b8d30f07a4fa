"""Connections and who gets which stream now. Frames are put in buffers and written in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from cryptoflow import clock
from cryptoflow.simulator._wire import TEXT, Opening, served_by, server_frame, unwrapped
from cryptoflow.simulator.ledger import Ledger


class Client:
    """Hold one connection: its number in the ledger, its subscriptions and its bytes to write."""

    def __init__(self, number: int, connection: ServerConnection, opening: Opening) -> None:
        """Start without subscriptions."""
        self.number = number
        self.label = b"%d" % number
        self.connection = connection
        self.endpoint = opening.endpoint
        self.combined = opening.combined
        self.streams: dict[str, None] = {}
        self.buffer: list[bytes] = []


class Hub:
    """Route frames by stream name to the connections subscribed to it at this moment.

    `asked` are the streams some connection has ever been served; frames of others are never sent
    and never counted. `why` says, per stream, why nobody gets it although it was subscribed.
    """

    def __init__(self, ledger: Ledger, *, legacy_serves_all: bool, slow_client_s: float) -> None:
        """Start without connections."""
        self._ledger = ledger
        self._legacy_serves_all = legacy_serves_all
        self._slow_client_s = slow_client_s
        self._numbers = 0
        self.clients: dict[int, Client] = {}
        self.routes: dict[str, list[Client]] = {}
        self.asked: set[str] = set()
        self.why: dict[str, bytes] = {}
        self.frames_sent = 0
        self.on_subscribe: Callable[[Client, str], bool] = lambda _client, _stream: True
        self.changed = asyncio.Event()

    def open(self, connection: ServerConnection, opening: Opening, path: str) -> Client:
        """Register a connection and the streams of its URL."""
        self._numbers += 1
        client = Client(self._numbers, connection, opening)
        self.clients[client.number] = client
        self._ledger.event("open", conn=client.number, path=path)
        self.subscribe(client, opening.streams)
        return client

    def subscribe(self, client: Client, streams: Iterable[str]) -> None:
        """Start streams on a connection; a stream of the wrong endpoint stays silent."""
        live, silent = [], []
        for stream in streams:
            client.streams[stream] = None
            serves = served_by(client.endpoint, stream, legacy_serves_all=self._legacy_serves_all)
            if not serves or not self.on_subscribe(client, stream):
                silent.append(stream)
                continue
            live.append(stream)
            self.why.pop(stream, None)
            self.asked.add(stream)
            clients = self.routes.setdefault(stream, [])
            if client not in clients:
                clients.append(client)
        if live or silent:
            self._ledger.event("subscribe", conn=client.number, streams=live, silent=silent)
            self.changed.set()

    def unsubscribe(self, client: Client, streams: Iterable[str]) -> None:
        """Stop streams on a connection."""
        names = list(streams)
        for stream in names:
            client.streams.pop(stream, None)
            self._unroute(client, stream)
        self._ledger.event("unsubscribe", conn=client.number, streams=names)

    def drop(self, client: Client, by: str) -> None:
        """Forget a connection; frames put and not yet written are not sent."""
        if self.clients.pop(client.number, None) is None:
            return
        for stream in client.streams:
            self._unroute(client, stream)
        client.buffer.clear()
        self._ledger.event("close", conn=client.number, by=by)

    def _unroute(self, client: Client, stream: str) -> None:
        clients = self.routes.get(stream)
        if clients and client in clients:
            clients.remove(client)

    def put(self, stream: str, payload: bytes, opcode: int = TEXT) -> bytes:
        """Queue a frame for everyone subscribed; return their numbers, empty when there is nobody."""
        clients = self.routes.get(stream)
        if not clients:
            return b""
        for client in clients:
            raw = payload if client.combined else unwrapped(payload)
            client.buffer += (server_frame(raw, opcode), raw)
        self.frames_sent += len(clients)
        return clients[0].label if len(clients) == 1 else b",".join(client.label for client in clients)

    async def flush(self) -> None:
        """Write all buffers and wait until the sockets have room.

        Frames are framed here and written as one piece: one system call per batch, and text that is
        not UTF-8 can be sent, which the library refuses.
        """
        busy = [client for client in self.clients.values() if client.buffer]
        for client in busy:
            # Once the client asked to close, the library has ended the stream: nothing can follow.
            if client.connection.state is State.OPEN and not client.connection.transport.is_closing():
                client.connection.transport.write(b"".join(client.buffer))
            client.buffer.clear()
        for client in busy:
            try:
                await asyncio.wait_for(client.connection.drain(), self._slow_client_s)
            except TimeoutError:
                client.connection.transport.abort()
                self.drop(client, "slow")

    async def cut(self, client: Client, *, abort: bool) -> None:
        """Close a connection from the venue's side, cleanly or not."""
        self.drop(client, "abort" if abort else "venue")
        if abort:
            client.connection.transport.abort()
        else:
            await client.connection.close(1001, "venue closes")

    def missing(self, streams: Iterable[str]) -> list[str]:
        """List the streams nobody gets."""
        return [stream for stream in streams if not self.routes.get(stream)]

    def lost(self, streams: Iterable[str]) -> list[str]:
        """List the streams somebody once got and nobody gets now."""
        return [stream for stream in streams if stream in self.asked and not self.routes.get(stream)]

    async def wait_subscribed(self, streams: Iterable[str], wait_s: float, stop: asyncio.Event) -> bool:
        """Wait until every stream is subscribed, at most `wait_s`; False when the time is up or stop is set."""
        wanted = list(streams)
        deadline = clock.monotonic_s() + wait_s
        while self.missing(wanted):
            left = deadline - clock.monotonic_s()
            if left <= 0 or stop.is_set():
                return False
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), min(left, 0.5))
            except TimeoutError:
                continue
        return True
