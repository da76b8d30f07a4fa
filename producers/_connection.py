"""Own the WebSocket: the only module that opens one.

Nothing is decided here but how to reach the venue: every limit is explicit, compression is off (no
frame can inflate), proxies of the environment are ignored, and frames are handed over as bytes.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from cryptoflow import clock, metrics
from cryptoflow.config import Producer
from producers._recording import Tap
from producers._rest import told_s

_CONNECTS_SHARE = 0.5
"""Share of the venue's connect limit we use: other processes may share the address."""


class ConnectionLostError(Exception):
    """Say that a connection could not be opened or has ended."""

    def __init__(self, text: str, status: int = 0, told_s: float = 0.0) -> None:
        """Keep the status by which the venue refused to open, 0 for none, and its Retry-After in seconds."""
        super().__init__(text)
        self.status = status
        self.told_s = told_s


@dataclass(frozen=True, slots=True)
class Target:
    """Say where to connect and within which limits."""

    url: str
    local_address: str
    frame_max_bytes: int
    queue_max_frames: int
    open_timeout_s: float
    close_timeout_s: float
    ping_interval_s: float

    @classmethod
    def of(cls, url: str, settings: Producer) -> Target:
        """Take the limits from the settings."""
        return cls(
            url=url,
            local_address=settings.local_address,
            frame_max_bytes=settings.frame_max_bytes,
            queue_max_frames=settings.receive_queue_max_frames,
            open_timeout_s=settings.open_timeout_s,
            close_timeout_s=settings.close_timeout_s,
            ping_interval_s=settings.ping_interval_s,
        )


class Connection:
    """Hold one open WebSocket."""

    def __init__(self, socket: ClientConnection, tap: Tap | None = None, name: str = "") -> None:
        """Take an open socket, and who hears what passes, by the connection's name there; use `open_connection`."""
        self._socket = socket
        self._tap = tap
        self._name = name

    async def read(self, take: Callable[[bytes], None], room: asyncio.Event | None) -> NoReturn:
        """Pass every message to `take`, and stop reading while `room` is given and not set.

        Raises ConnectionLostError at the end. The loop stands here because a call per frame costs.
        """
        receive = self._socket.recv
        take = take if self._tap is None else self._heard(take, self._tap)
        try:
            while True:
                take(await receive(decode=False))
                if room is not None and not room.is_set():
                    began_s = clock.monotonic_s()
                    await room.wait()
                    metrics.channel_enqueue_delay_seconds.labels("in_flight").observe(clock.monotonic_s() - began_s)
        except ConnectionClosed as error:
            raise ConnectionLostError(f"receiving: {error}") from error

    async def send(self, frame: bytes) -> None:
        """Send a text message. Raises ConnectionLostError."""
        try:
            await self._socket.send(frame, text=True)
        except ConnectionClosed as error:
            raise ConnectionLostError(f"sending: {error}") from error
        if self._tap is not None:
            self._tap.sent(self._name, frame)

    async def close(self) -> None:
        """Close within the close timeout; never raises."""
        await self._socket.close()

    def _heard(self, take: Callable[[bytes], None], tap: Tap) -> Callable[[bytes], None]:
        """Let the tap hear each frame before it is taken."""

        def hear(raw: bytes) -> None:
            tap.received(self._name, raw, clock.now_ns())
            take(raw)

        return hear


async def open_connection(target: Target, tap: Tap | None = None, url: str = "") -> Connection:
    """Open a WebSocket. Raises ConnectionLostError when the venue cannot be reached or refuses.

    A tap hears all that passes; it is told the venue's own `url`, whatever the target's.
    """
    try:
        socket = await connect(
            target.url,
            max_size=target.frame_max_bytes,
            max_queue=target.queue_max_frames,
            compression=None,
            proxy=None,
            open_timeout=target.open_timeout_s,
            close_timeout=target.close_timeout_s,
            ping_interval=target.ping_interval_s,
            ping_timeout=target.ping_interval_s,
            local_addr=(target.local_address, 0) if target.local_address else None,
        )
    except InvalidStatus as error:
        told = error.response.headers.get("Retry-After", "")
        status = error.response.status_code
        wait_s = told_s(told) or 0.0
        raise ConnectionLostError(f"connecting to {target.url}: status {status}", status, wait_s) from error
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
        raise ConnectionLostError(f"connecting to {target.url}: {str(error) or type(error).__name__}") from error
    return Connection(socket, tap, tap.opened(url or target.url, target.url) if tap is not None else "")


def connects_at_most(connects_max: int) -> int:
    """Return how many connects one process makes where the venue allows `connects_max`."""
    return max(1, int(connects_max * _CONNECTS_SHARE))


class ConnectLimiter:
    """Keep connection attempts of one endpoint within the venue's limit, over all its connections."""

    def __init__(self, connects_max: int, window_s: float) -> None:
        """Use half of the venue's limit."""
        self._most = connects_at_most(connects_max)
        self._window_s = window_s
        self._attempts: deque[float] = deque()

    def wait_s(self) -> float:
        """Return how long to wait before the next attempt; 0 takes a place."""
        now_s = clock.monotonic_s()
        while self._attempts and now_s - self._attempts[0] >= self._window_s:
            self._attempts.popleft()
        if len(self._attempts) >= self._most:
            return self._window_s - (now_s - self._attempts[0])
        self._attempts.append(now_s)
        return 0.0


class Backoff:
    """Give waits with full jitter: anywhere between nothing and a bound that doubles."""

    def __init__(self, least_s: float, most_s: float) -> None:
        """Take the first and the last bound."""
        self._least_s = least_s
        self._most_s = most_s
        self._failures = 0

    def next_s(self) -> float:
        """Return the wait after one more failure."""
        bound = min(self._most_s, self._least_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return random.uniform(0.0, bound)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Start over after a success."""
        self._failures = 0
