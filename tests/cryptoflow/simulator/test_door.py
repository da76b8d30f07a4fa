"""What a connection alone can break, on the wire."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

DEADLINE_S = 10.0
ONE = {"symbols": 1, "start_wait_s": 0.1, "rate_fps": 500}


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"subscribe_within_s": 0.3}, "subscribed"),
        ({"idle_push_s": 0.3}, "pushed"),
        ({"client_silence_s": 0.3}, "client"),
    ],
)
async def test_a_connection_that_fails_its_venue_is_cut(start, limits, why):
    """Nothing subscribed, nothing pushed, nothing said: each ends the connection with its reason."""
    async with start(**ONE, limits=limits) as venue, venue.connect("/public/stream") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), DEADLINE_S)
        assert closed.value.rcvd.code == 1008
        assert why in closed.value.rcvd.reason


async def test_who_keeps_the_limits_stays(start):
    """A subscribed connection with data is not cut."""
    limits = {"subscribe_within_s": 0.5, "idle_push_s": 0.5}
    async with (
        start(**ONE, limits=limits) as venue,
        venue.connect("/public/stream?streams=sym0001usdt@bookTicker") as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        for _ in range(600):
            await socket.recv()


async def test_a_client_that_pings_is_not_silent(start):
    """A ping of the protocol is a message to the venue (PROTOCOLS 7.2.2)."""
    async with (
        start(**ONE, limits={"client_silence_s": 0.5}) as venue,
        venue.connect("/public/stream?streams=sym0001usdt@bookTicker") as socket,
        asyncio.timeout(DEADLINE_S),
    ):
        for _ in range(10):
            await (await socket.ping())
            for _ in range(60):
                await socket.recv()


async def test_messages_beyond_the_pace_end_the_connection(start, request_of):
    """The venue closes at the message that is too many."""
    async with start(**ONE, limits={"messages_max": 2}) as venue, venue.connect("/public/ws") as socket:
        for number in range(2):
            await request_of(socket, "LIST_SUBSCRIPTIONS", [], number)
        with pytest.raises(ConnectionClosed):
            await request_of(socket, "LIST_SUBSCRIPTIONS", [], 3)
