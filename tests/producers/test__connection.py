"""The socket is opened within explicit limits and its end is told as one error."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from cryptoflow import clock
from cryptoflow.config import Producer
from producers._connection import Backoff, Connection, ConnectionLostError, ConnectLimiter, Target, open_connection
from tests.doubles.scripted_venue import scripted_venue


def target(url: str, **changes: float) -> Target:
    """Make a target with small limits."""
    return Target.of(url, Producer(**{"open_timeout_s": 2, "close_timeout_s": 1, **changes}))


async def receive(connection: Connection, count: int) -> list[bytes]:
    """Read until so many messages came or the connection ends."""
    found: list[bytes] = []
    enough = asyncio.Event()

    def take(raw: bytes) -> None:
        found.append(raw)
        if len(found) == count:
            enough.set()

    reader, waiter = asyncio.create_task(connection.read(take, None)), asyncio.create_task(enough.wait())
    await asyncio.wait([reader, waiter], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if not enough.is_set():
        await reader
    reader.cancel()
    return found


async def test_frames_arrive_as_bytes() -> None:
    """Text is not decoded, so that text that is not UTF-8 arrives too."""

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert "Sec-WebSocket-Extensions" not in socket.request.headers
        socket.transport.write(b"\x81\x02\xff\xfe" + b"\x81\x02{}")
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0, compression="deflate") as server:
        port = next(iter(server.sockets)).getsockname()[1]
        connection = await open_connection(target(f"ws://127.0.0.1:{port}", local_address="127.0.0.1"))  # type: ignore[arg-type] # a text among numbers
        assert await receive(connection, 2) == [b"\xff\xfe", b"{}"]
        await connection.close()
        with pytest.raises(ConnectionLostError):
            await connection.send(b"{}")


async def test_an_oversized_frame_ends_the_connection() -> None:
    """The limit is ours, not the library's."""
    async with scripted_venue() as venue:
        connection = await open_connection(target(venue.url, frame_max_bytes=1024))
        await asyncio.sleep(0.05)
        await venue.send_raw(b'"' + b"x" * 2000 + b'"')
        with pytest.raises(ConnectionLostError, match="1009"):
            await receive(connection, 1)
        await connection.close()


@pytest.mark.parametrize(
    ("told", "least_s", "most_s"),
    [
        ("7", 7, 7),
        ("9" * 400, 86_400, 3 * 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400, 3 * 86_400),
        ("soon", 0, 0),
    ],
)
async def test_a_refusal_tells_how_long_to_stay_away(told: str, least_s: float, most_s: float) -> None:
    """In seconds or as a date, as over REST, and never for ever."""

    def refuse(socket: ServerConnection, _request: Request) -> Response:
        answer = socket.respond(429, "no")
        answer.headers["Retry-After"] = told
        return answer

    async with serve(lambda socket: socket.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(ConnectionLostError, match="status 429") as caught:
            await open_connection(target(f"ws://127.0.0.1:{port}"))
    assert caught.value.status == 429
    assert least_s <= caught.value.told_s <= most_s


async def test_the_venues_end_is_told() -> None:
    """A cut without a word raises, so does a venue that is not there."""
    async with scripted_venue() as venue:
        connection = await open_connection(target(venue.url))
        await asyncio.sleep(0.05)
        await venue.cut()
        with pytest.raises(ConnectionLostError, match="receiving"):
            await receive(connection, 1)
        await connection.close()
    with pytest.raises(ConnectionLostError, match="connecting to ws://127"):
        await open_connection(target(venue.url))
    with pytest.raises(ConnectionLostError):
        await open_connection(target("ws://127.0.0.1:1"))


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable does not redirect market data."""
    for name in ("http_proxy", "ws_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with scripted_venue() as venue:
        connection = await open_connection(target(venue.url))
        await connection.close()


def test_connects_stay_within_half_of_the_venues_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places come back after the window; waiting costs none."""
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now[0])
    limiter = ConnectLimiter(4, 300.0)
    assert [limiter.wait_s() for _ in range(3)] == [0, 0, 300]
    now[0] = 250.0
    assert limiter.wait_s() == 150
    now[0] = 400.0
    assert [limiter.wait_s() for _ in range(3)] == [0, 0, 300]


def test_back_off_has_full_jitter_and_a_bound() -> None:
    """Waits lie anywhere below a doubling bound and start over after a success."""
    backoff = Backoff(0.5, 30.0)
    waits = [[backoff.next_s() for _ in range(20)] for _ in range(30) if not backoff.reset()]  # type: ignore[func-returns-value] # reset before each round
    assert all(one[0] <= 0.5 for one in waits)
    assert max(max(one) for one in waits) <= 30
    assert min(min(one[10:]) for one in waits) < 3
    assert len({round(one[0], 6) for one in waits}) > 20
