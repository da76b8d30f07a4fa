"""One connection as the venue sees it: its session, its streams, its bytes and its own troubles."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence

from typing_extensions import override
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from cryptoflow import clock
from cryptoflow.simulator._wire import TEXT, server_frame
from cryptoflow.simulator.venues._values import Limits
from cryptoflow.simulator.venues._venue import Session, Venue, World


class Attentive(ServerConnection):
    """Note when the client was heard last: by a message, or by a ping of the protocol."""

    heard_s = 0.0

    @override
    def process_event(self, event: Event) -> None:
        """Take a frame or the handshake; answers to our own pings are no news of the client's."""
        if not (isinstance(event, Frame) and event.opcode is Opcode.PONG):
            self.heard_s = clock.monotonic_s()
        super().process_event(event)


class Client:
    """Hold one connection: its number in the ledger, its subscriptions and its bytes to write.

    `half_open` takes frames and writes nothing; `drip_bytes_s` writes so few bytes per second. `stalled`
    says that frames for it are not even queued.
    The client is the desk of its session (`venues._venue.Desk`).
    """

    session: Session

    def __init__(self, number: int, connection: ServerConnection, venue: Venue, world: World) -> None:
        """Start without subscriptions."""
        self.number = number
        self.label = b"%d" % number
        self.connection = connection
        self.venue = venue
        self.world = world
        self.limits: Limits = venue.limits
        self.subscribed: dict[str, None] = {}
        self.given_up: set[str] = set()
        self.buffer: list[bytes] = []
        self.half_open = False
        self.drip_bytes_s = 0
        self.opened_s = self.pushed_s = clock.monotonic_s()
        self.has_subscribed = False
        self.refused: set[str] = set()

    @property
    def heard_s(self) -> float:
        """Return when the client said something last."""
        heard_s: float = getattr(self.connection, "heard_s", self.opened_s)
        return heard_s

    def knows(self, key: str) -> bool:
        """Tell whether a stream has data in this run."""
        return self.world.knows(key)

    def refuses(self, key: str) -> bool:
        """Tell, once, that this stream is to be refused."""
        if key in self.refused:
            self.refused.discard(key)
            return True
        return False

    def streams(self) -> Sequence[str]:
        """Return the keys subscribed on this connection, in their order."""
        return tuple(self.subscribed)

    def now_s(self) -> float:
        """Return a monotonic clock [s]."""
        return clock.monotonic_s()

    def take(self, payload: bytes, *, is_data: bool, opcode: int = TEXT) -> bytes:
        """Queue a payload as this connection gets it; return the connection's label for the ledger."""
        session = self.session
        raw = payload if session.plain else session.dress(payload, is_data=is_data)
        self.buffer += (server_frame(raw, opcode), raw)
        return self.named() if session.numbered else self.label

    def take_raw(self, raw: bytes, opcode: int) -> None:
        """Queue bytes as they are."""
        self.buffer += (server_frame(raw, opcode), raw)

    def repeat(self) -> bytes:
        """Queue the newest frame once more, byte for byte."""
        self.buffer += self.buffer[-2:]
        return self.named()

    def named(self) -> bytes:
        """Return the label with the number of the newest frame, where frames are numbered."""
        return b"%b#%d" % (self.label, self.session.number) if self.session.numbered else self.label

    @property
    def stalled(self) -> bool:
        """Tell whether nothing more can get through: half open, or dripping with a frame on its way."""
        return self.half_open or (bool(self.drip_bytes_s) and bool(self.buffer))

    def write(self) -> None:
        """Write what is queued, as far as the connection takes it."""
        if self.half_open or not self.buffer:
            self.buffer.clear()
            return
        data = b"".join(self.buffer)
        self.buffer.clear()
        if self.drip_bytes_s:
            data, rest = data[: self.drip_bytes_s], data[self.drip_bytes_s :]
            self.buffer += [rest] if rest else []
        # Once the client asked to close, the library has ended the stream: nothing can follow.
        if self.connection.state is State.OPEN and not self.connection.transport.is_closing():
            self.pushed_s = clock.monotonic_s()
            self.connection.transport.write(data)

    def drip(self, now_s: float) -> None:
        """Write the bytes that are due; `drip_bytes_s` of them per second."""
        if now_s - self.pushed_s >= 1.0:
            self.write()

    def freeze(self) -> None:
        """Become half open: nothing is written, read or answered any more, and nothing closes."""
        self.half_open = True
        self.buffer.clear()
        self._deafen()

    def trickle(self) -> None:
        """Write one byte per second from here on, and read nothing more."""
        self.write()
        self.drip_bytes_s = 1
        self._deafen()

    def _deafen(self) -> None:
        """Answer nothing: neither pings of the client nor the end of its side."""
        self.connection.transport.pause_reading()
        if self.connection.keepalive_task is not None:
            self.connection.keepalive_task.cancel()

    def abort(self, *, reset: bool) -> None:
        """End the connection without a close frame, with a TCP reset if asked."""
        transport = self.connection.transport
        if reset and (raw := transport.get_extra_info("socket")) is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def drain(self, wait_s: float) -> None:
        """Wait until the socket has room. Raises TimeoutError."""
        await asyncio.wait_for(self.connection.drain(), wait_s)
