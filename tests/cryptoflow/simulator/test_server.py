"""The simulator speaks the venue's protocol to a plain client."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

ONE = {"symbols": 1, "start_wait_s": 0.1, "rate_fps": 2000}
DEADLINE_S = 20.0


async def _next(socket, count=1):
    async with asyncio.timeout(DEADLINE_S):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def _list_often(socket, request_of):
    for number in range(10):
        await request_of(socket, "LIST_SUBSCRIPTIONS", [], number)


async def test_control_frames(start, request_of):
    """Subscribing, listing and unsubscribing are acknowledged by id; nonsense is refused as documented."""
    async with start(**ONE) as venue, venue.connect("/market/ws") as socket:
        assert await request_of(socket, "LIST_SUBSCRIPTIONS", [], 3) == {"result": [], "id": 3}
        assert await request_of(socket, "SUBSCRIBE", ["nobody@aggTrade"], 4) == {"result": None, "id": 4}
        assert await request_of(socket, "LIST_SUBSCRIPTIONS", [], 5) == {"result": ["nobody@aggTrade"], "id": 5}
        assert await request_of(socket, "UNSUBSCRIBE", ["nobody@aggTrade"], 6) == {"result": None, "id": 6}
        assert (await request_of(socket, "NONSENSE", [], 7))["code"] == 2
        await socket.send("{")
        assert (await _next(socket))[0]["code"] == 3


@pytest.mark.parametrize(
    ("path", "stream"),
    [("/public/stream?streams=", "sym0001usdt@bookTicker"), ("/market/stream?streams=", "sym0001usdt@aggTrade")],
)
async def test_streams_of_the_url(start, path, stream):
    """Streams of the URL flow at once, in the combined envelope."""
    async with start(**ONE) as venue, venue.connect(path + stream) as socket:
        assert [frame["stream"] for frame in await _next(socket, 3)] == [stream] * 3


async def test_raw_path(start):
    """The ws paths send the data without envelope; combined can be switched on."""
    async with start(**ONE) as venue, venue.connect("/public/ws/sym0001usdt@bookTicker") as socket:
        assert (await _next(socket))[0]["e"] == "bookTicker"
        await socket.send('{"method":"SET_PROPERTY","params":["combined",true],"id":1}')
        async with asyncio.timeout(DEADLINE_S):
            while "stream" not in json.loads(await socket.recv()):
                pass


async def test_wrong_endpoint_is_acked_and_silent(start, request_of):
    """A stream of the other endpoint is acknowledged and no data comes (PROTOCOLS 3.1)."""
    async with start(**ONE) as venue, venue.connect("/public/stream") as socket:
        names = ["sym0001usdt@aggTrade", "sym0001usdt@depth@100ms"]
        assert await request_of(socket, "SUBSCRIBE", names) == {"result": None, "id": 1}
        frames = await _next(socket, 20)
        assert {frame["stream"] for frame in frames} == {"sym0001usdt@depth@100ms"}


async def test_limits(start, request_of):
    """Too many messages end the connection; too many streams, connects and unknown paths are refused."""
    async with start(**ONE, limits={"streams_max": 3, "messages_max": 4, "connects_max": 3}) as venue:
        async with venue.connect("/public/stream") as socket:
            assert (await request_of(socket, "SUBSCRIBE", ["a@x", "b@x", "c@x", "d@x"]))["code"] == 2
            with pytest.raises(ConnectionClosed) as closed:
                await _list_often(socket, request_of)
            assert closed.value.rcvd.code == 1008
        with pytest.raises(InvalidStatus, match="404"):
            await venue.connect("/other")
        with pytest.raises(InvalidStatus, match="404"):
            await venue.connect("/nowhere/ws")
        async with venue.connect("/public/stream"):
            pass
        with pytest.raises(InvalidStatus, match="429"):
            await venue.connect("/public/stream")


async def test_sockets_stay_open_until_stopped(start):
    """After the end of data the sockets stay open; POST /_sim/stop ends the run."""
    path = "/public/stream?streams=sym0001usdt@bookTicker"
    async with start(**ONE, frames_max=50) as venue, venue.connect(path) as socket:
        await venue.until(lambda status: status["state"] == "done")
        await (await socket.ping())
        async with venue.http.post(venue.told["control"] + "/_sim/stop") as answer:
            assert answer.status == 200
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ConnectionClosed):
                await _next(socket, 10_000)


async def test_addresses_are_told_in_a_file(start, tmp_path):
    """simulator.json names the URL of every endpoint once the ports answer."""
    async with start(**ONE) as venue:
        told = json.loads((tmp_path / "simulator.json").read_bytes())
        assert told["endpoints"] == venue.told["endpoints"]
        assert set(told["endpoints"]) == {f"binance.usdm.{name}" for name in ("public", "market", "rest")}
        assert told["endpoints"]["binance.usdm.public"].endswith("/binance/usdm/public/stream")
