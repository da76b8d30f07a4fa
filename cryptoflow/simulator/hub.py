"""Connections and who gets which stream now. Frames are put in buffers and written in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from cryptoflow import clock
from cryptoflow.simulator._wire import TEXT
from cryptoflow.simulator.client import Client
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.venues._values import Action, Cut, Send, Start, Stop


class Hub:
    """Route frames by stream key to the connections subscribed to it at this moment.

    `asked` are the streams some connection has ever been served; frames of others are never sent
    and never counted. `why` says, per stream, why nobody gets it although it was subscribed; `refused`
    are the streams that the next request for them does not get.
    `on_subscribe(client, key)` tells whether data will flow, `first_frames(key)` what a stream
    begins with for who subscribes it now: None when it has ended for late subscribers. Without `retells`
    a stream asked for anew on the connection that gave it up goes on without such a beginning.
    """

    def __init__(self, ledger: Ledger, *, slow_client_s: float) -> None:
        """Start without connections."""
        self.ledger = ledger
        self._slow_client_s = slow_client_s
        self.clients: dict[int, Client] = {}
        self.routes: dict[str, list[Client]] = {}
        self.asked: set[str] = set()
        self.why: dict[str, bytes] = {}
        self.refused: set[str] = set()
        self.frames_sent = 0
        self.on_subscribe: Callable[[Client, str], bool] = lambda _client, _key: True
        self.first_frames: Callable[[str], Sequence[bytes] | None] = lambda _key: ()
        self.retells = True
        self.changed = asyncio.Event()

    def open(self, client: Client, path: str) -> None:
        """Register a connection; its session may then speak."""
        self.clients[client.number] = client
        venue = client.venue
        self.ledger.event("open", conn=client.number, exchange=venue.exchange, path=path)

    def act(self, client: Client, actions: Sequence[Action]) -> Cut | None:
        """Do what a session wants, in its order; return the cut that ends it, if there is one."""
        live: list[str] = []
        silent: list[str] = []
        stopped: list[str] = []
        cut = None
        for action in actions:
            if isinstance(action, Send):
                client.take(action.payload, is_data=False)
            elif isinstance(action, Start):
                (live if self._start(client, action) else silent).append(action.key)
            elif isinstance(action, Stop):
                client.subscribed.pop(action.key, None)
                client.given_up.add(action.key)
                self._unroute(client, action.key)
                stopped.append(action.key)
            else:
                cut = action
                break
        if live or silent:
            client.has_subscribed = True
            self.ledger.event("subscribe", conn=client.number, streams=live, silent=silent)
            self.changed.set()
        if stopped:
            self.ledger.event("unsubscribe", conn=client.number, streams=stopped)
        return cut

    def _start(self, client: Client, start: Start) -> bool:
        key = start.key
        again = key in client.subscribed and client in self.routes.get(key, ())
        client.subscribed[key] = None
        if not start.flows or not self.on_subscribe(client, key):
            return False
        self.why.pop(key, None)
        if again:
            return True
        # Changes told to everybody else just before are nothing that a first subscriber misses.
        first = self.first_frames(key) if self.retells or key not in client.given_up else ()
        self.asked.add(key)
        if first is None:
            self.why[key] = b"ended"
            self.ledger.event("ended", conn=client.number, stream=key)
            return False
        for payload in first:
            self.frames_sent += 1
            self.ledger.sent(client.take(payload, is_data=True), key, payload)
        self.routes.setdefault(key, []).append(client)
        return True

    def drop(self, client: Client, by: str) -> None:
        """Forget a connection; frames put and not yet written are not sent."""
        if self.clients.pop(client.number, None) is None:
            return
        for key in client.subscribed:
            self._unroute(client, key)
        client.buffer.clear()
        self.ledger.event("close", conn=client.number, by=by)

    def _unroute(self, client: Client, key: str) -> None:
        clients = self.routes.get(key)
        if clients and client in clients:
            clients.remove(client)

    def put(self, key: str, payload: bytes, opcode: int = TEXT) -> bytes:
        """Queue a frame for everyone subscribed; return their labels, empty when there is nobody."""
        clients = self.routes.get(key)
        if not clients:
            return b""
        labels = [client.take(payload, is_data=True, opcode=opcode) for client in clients if not client.stalled]
        self.frames_sent += len(labels)
        return labels[0] if len(labels) == 1 else b",".join(labels)

    def put_any(self, keys: Sequence[str], payload: bytes) -> bytes:
        """Queue a frame once for everyone subscribed to one of several streams."""
        found = {client.number: client for key in keys for client in self.routes.get(key, ()) if not client.half_open}
        self.frames_sent += len(found)
        return b",".join([client.take(payload, is_data=True) for client in found.values()])

    def spoil(self, key: str, garble: Callable[[bytes], tuple[bytes, int]], payload: bytes) -> tuple[bytes, bytes]:
        """Send garbage in place of a frame; return the labels and the bytes as the first connection got them."""
        labels, sent = [], b""
        for client in self.routes.get(key, ()):
            if client.stalled:
                continue
            session = client.session
            raw, opcode = garble(payload if session.plain else session.dress(payload, is_data=True))
            client.take_raw(raw, opcode)
            sent = sent or raw
            labels.append(client.named())
        self.frames_sent += len(labels)
        return b",".join(labels), sent

    def repeat(self, key: str) -> bytes:
        """Queue the frame put last once more for everyone subscribed."""
        labels = [client.repeat() for client in self.routes.get(key, ()) if not client.stalled]
        self.frames_sent += len(labels)
        return b",".join(labels)

    def skip(self, key: str) -> None:
        """Let every connection of a stream count a frame that is lost on purpose."""
        for client in self.routes.get(key, ()):
            client.session.skip()

    async def flush(self) -> None:
        """Write all buffers and wait until the sockets have room.

        Frames are framed here and written as one piece: one system call per batch, and text that is
        not UTF-8 can be sent, which the library refuses.
        """
        busy = [client for client in self.clients.values() if client.buffer and not client.drip_bytes_s]
        for client in busy:
            client.write()
        for client in busy:
            try:
                await client.drain(self._slow_client_s)
            except OSError as error:
                client.abort(reset=False)
                self.drop(client, "slow" if isinstance(error, TimeoutError) else "client")

    async def cut(self, client: Client, *, how: str) -> None:
        """Close a connection from the venue's side: `close`, `abort` or `reset`."""
        self.drop(client, "venue" if how == "close" else how)
        if how == "close":
            await client.connection.close(1001, "venue closes")
        else:
            client.abort(reset=how == "reset")

    def missing(self, keys: Iterable[str]) -> list[str]:
        """List the streams nobody gets."""
        return [key for key in keys if not self.routes.get(key)]

    def lost(self, keys: Iterable[str]) -> list[str]:
        """List the streams somebody once got and nobody gets now."""
        return [key for key in keys if key in self.asked and not self.routes.get(key)]

    async def wait_subscribed(
        self, keys: Iterable[str], wait_s: float, stop: asyncio.Event, *, first_wait_s: float = 0.0
    ) -> bool:
        """Wait until every stream is subscribed, at most `wait_s` after the last that was.

        `first_wait_s` is how long the first may take, if that is longer. False when the time is up or
        stop is set.
        """
        wanted = list(keys)
        left_over = len(wanted)
        deadline = clock.monotonic_s() + max(wait_s, first_wait_s)
        while missing := len(self.missing(wanted)):
            if missing < left_over:
                left_over, deadline = missing, clock.monotonic_s() + wait_s
            left = deadline - clock.monotonic_s()
            if left <= 0 or stop.is_set():
                return False
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), min(left, 0.5))
            except TimeoutError:
                continue
        return True
