"""A network in memory between the producer and the simulator's own doors: no socket, any outage.

The venue's side is the simulator's: its sessions, hub, limits and REST answers. The client's side takes the
place of the `websockets` and `aiohttp` connections under `producers._connection` and `producers._rest`.
It cannot imitate: slow or full sockets, protocol pings that go unanswered, TLS, frames cut in pieces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import aiohttp
from typing_extensions import override
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

from cryptoflow import clock
from cryptoflow.simulator.door import Door
from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.rest import RestApi, RestFaults
from cryptoflow.simulator.venues import venue_of
from producers._connection import Connection, ConnectionLostError, Target

Outage = Literal["", "refused", "hanging"]
CONNECT_S = 0.02
REST_S = 0.05
PING_S = 20.0
_HEADER_MIN, _MEDIUM, _LONG = 2, 126, 127


class Notes(Ledger):
    """Keep what the simulator notes of connections and requests, and no frames."""

    def __init__(self) -> None:
        """Write nothing anywhere."""
        self.events: list[dict[str, Any]] = []
        self.path = Path("nowhere")

    @override
    def event(self, name: str, **told: Any) -> None:
        """Keep an event with its time."""
        told.pop("body", None)
        self.events.append({"ev": name, "at_s": clock.monotonic_s(), **told})

    @override
    def sent(self, connections: bytes, key: str, payload: bytes) -> None:
        """Keep nothing."""

    @override
    def withheld(self, reason: bytes, key: str, payload: bytes) -> None:
        """Keep nothing."""

    @override
    def flush(self) -> None:
        """Have nothing to write."""

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return the events of a name."""
        return [one for one in self.events if one["ev"] == name]


class ServerEnd:
    """Be the venue's end of a connection, as far as the simulator uses one; it is its own transport."""

    keepalive_task = None

    def __init__(self, path: str) -> None:
        """Open on a path."""
        self.request = SimpleNamespace(path=path)
        self.transport = self
        self.state = State.OPEN
        self.inbox: deque[str | bytes] = deque()
        self.outbox: deque[bytes] = deque()
        self.messages: list[float] = []
        self.heard_s = clock.monotonic_s()
        self._heard = asyncio.Event()
        self._said = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Take the bytes of whole frames (RFC 6455 section 5.2)."""
        self.outbox.extend(_frames(data))
        self._said.set()

    def is_closing(self) -> bool:
        """Tell whether the connection has ended."""
        return self.state is State.CLOSED

    def pause_reading(self) -> None:
        """Have nothing to pause: a half-open end writes nothing."""

    def abort(self) -> None:
        """End the connection for both ends."""
        self.state = State.CLOSED
        self._heard.set()
        self._said.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection for both ends."""
        del code, reason
        self.abort()

    async def drain(self) -> None:
        """Have room at all times."""

    def respond(self, status: int, text: str) -> SimpleNamespace:
        """Refuse to open."""
        return SimpleNamespace(status=int(status), text=text)

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield the client's messages."""
        return self._messages()

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            while self.inbox:
                yield self.inbox.popleft()
            if self.state is State.CLOSED:
                return
            self._heard.clear()
            await self._heard.wait()

    async def recv(self, *, decode: bool) -> bytes:
        """Be the client: receive a frame. Raises ConnectionClosedError at the end."""
        del decode
        while not self.outbox:
            if self.state is State.CLOSED:
                raise ConnectionClosedError(None, None)
            self._said.clear()
            await self._said.wait()
        return self.outbox.popleft()

    async def send(self, frame: bytes, *, text: bool) -> None:
        """Be the client: send a message. Raises ConnectionClosedError at the end."""
        if self.state is State.CLOSED:
            raise ConnectionClosedError(None, None)
        self.heard_s = clock.monotonic_s()
        self.messages.append(self.heard_s)
        self.inbox.append(frame.decode() if text else frame)
        self._heard.set()


class ClientEnd:
    """Be the client's end: what `producers._connection.Connection` holds."""

    def __init__(self, other: ServerEnd) -> None:
        """Take the venue's end."""
        self.recv = other.recv
        self.send = other.send
        self.close = other.close
        self.transport = other


class MemoryNet:
    """Hold one market of the simulator, everybody who connected, and the state of the network between."""

    def __init__(self, market: str, symbols: int, channels: Mapping[str, tuple[str, ...]]) -> None:
        """Make the market; nobody is connected."""
        options = SimulatorOptions(
            data_dir=Path("nowhere"), markets=(market,), symbols=symbols, channels=channels, book_levels=8
        )
        self.market = market
        self.venue = venue_of(market)
        self.notes = Notes()
        self.source = GeneratedMarket(options)
        self.hub = Hub(self.notes, slow_client_s=60.0)
        self.hub.first_frames = self.source.first_frames
        self.outlet = Outlet(self.hub, self.notes)
        self.source.outlet = self.outlet
        self.door = Door([self.venue], self.source, self.hub, options)
        self.rest = RestApi([self.venue], self.source, self.notes, RestFaults(), self.door.limits)
        self.outage: Outage = ""
        self.attempts: list[float] = []
        self.asked: list[float] = []
        self.ends: list[ServerEnd] = []
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def endpoints(self) -> dict[str, str]:
        """Return the URL of every endpoint, as the setting producer.endpoints wants them."""
        paths = self.venue.endpoints(self.market.partition(".")[2])
        found = {f"{self.market}.{name}": f"ws://net{self.venue.prefix}{path}" for name, path in paths.items()}
        return {**found, f"{self.market}.rest": f"http://net{self.venue.prefix}"}

    async def open_connection(self, target: Target, *told: Any) -> Connection:
        """Take the place of `producers._connection.open_connection`. Raises ConnectionLostError."""
        del told
        self.attempts.append(clock.monotonic_s())
        if self.outage == "hanging":
            await asyncio.sleep(target.open_timeout_s)
        else:
            await asyncio.sleep(CONNECT_S)
        if self.outage:
            raise ConnectionLostError(f"connecting to {target.url}: {self.outage}")
        parts = urlsplit(target.url)
        end = ServerEnd(parts.path + (f"?{parts.query}" if parts.query else ""))
        refusal = await self.door.admit(end, end.request)  # type: ignore[arg-type] # as far as it is used
        if refusal is not None:
            self.notes.event("refused", status=refusal.status)  # type: ignore[attr-defined] # our own answer
            raise ConnectionLostError(f"connecting to {target.url}", status=refusal.status)  # type: ignore[attr-defined]
        self.ends.append(end)
        talk = asyncio.create_task(self.door.talk(end))  # type: ignore[arg-type] # as far as it is used
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        return Connection(ClientEnd(end))  # type: ignore[arg-type] # as far as it is used

    def cut(self) -> None:
        """End every connection without a word."""
        for end in self.ends:
            end.abort()

    async def ping(self) -> None:
        """Let the clients' protocol pings arrive until cancelled."""
        while True:
            await asyncio.sleep(PING_S)
            for end in self.ends:
                end.heard_s = clock.monotonic_s()

    def session(self, **told: Any) -> _Session:
        """Take the place of `aiohttp.ClientSession`."""
        del told
        return _Session(self)

    @property
    def aiohttp(self) -> SimpleNamespace:
        """Take the place of the module `aiohttp` in `producers._rest`."""
        return SimpleNamespace(
            ClientSession=self.session, TCPConnector=lambda **_told: None, ClientTimeout=aiohttp.ClientTimeout,
            ClientError=aiohttp.ClientError, ClientResponse=aiohttp.ClientResponse,
        )  # fmt: skip


class _Session:
    """Ask the simulator's REST without a socket."""

    def __init__(self, net: MemoryNet) -> None:
        self._net = net

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *told: object) -> None:
        del told

    async def close(self) -> None:
        """Have nothing to close."""

    @asynccontextmanager
    async def get(self, url: str, *, params: Mapping[str, str]) -> AsyncIterator[SimpleNamespace]:
        """Answer as the venue does. Raises OSError during an outage."""
        net = self._net
        net.asked.append(clock.monotonic_s())
        await asyncio.sleep(REST_S)
        if net.outage:
            raise OSError(net.outage)
        parts = urlsplit(url)
        answer = await net.rest._answer(SimpleNamespace(path=parts.path, query=params))  # type: ignore[arg-type]
        body = bytes(answer.body)  # type: ignore[arg-type] # bytes, as it was given
        headers = dict(answer.headers)
        yield SimpleNamespace(
            status=answer.status, headers=headers, content=_Content(body), url=SimpleNamespace(host=parts.hostname)
        )


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        yield self._body


def _frames(data: bytes) -> Iterator[bytes]:
    """Cut unmasked server frames."""
    place = 0
    while place + _HEADER_MIN <= len(data):
        size, place = data[place + 1], place + _HEADER_MIN
        if size == _MEDIUM:
            size, place = int.from_bytes(data[place : place + 2], "big"), place + 2
        elif size == _LONG:
            size, place = int.from_bytes(data[place : place + 8], "big"), place + 8
        yield data[place : place + size]
        place += size
