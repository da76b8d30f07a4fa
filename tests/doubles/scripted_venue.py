"""A WebSocket venue that does what its test says, speaking the Binance combined-stream protocol.

It cannot imitate: a market, REST, limits, several processes, slow networks. All values are invented.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class ScriptedVenue:
    """Remember what was asked; `answers` off leaves requests open, `refusal` answers with an error."""

    def __init__(self) -> None:
        """Answer everything."""
        self.answers = True
        self.refusal: str = ""
        self.admits = True
        self.clients: list[tuple[ServerConnection, set[str]]] = []
        self.asked: list[tuple[str, list[str]]] = []
        self.opened = 0
        self.url = ""

    async def talk(self, socket: ServerConnection) -> None:
        """Serve one client."""
        self.opened += 1
        if not self.admits:
            await socket.close(1013, "try again later")
            return
        streams: set[str] = set()
        self.clients.append((socket, streams))
        try:
            async for message in socket:
                request = msgspec.json.decode(message)
                self.asked.append((request["method"], request["params"]))
                if request["method"] == "SUBSCRIBE":
                    streams.update(request["params"])
                else:
                    streams.difference_update(request["params"])
                if self.refusal:
                    await socket.send(msgspec.json.encode({"code": 2, "msg": self.refusal, "id": request["id"]}))
                elif self.answers:
                    await socket.send(msgspec.json.encode({"result": None, "id": request["id"]}), text=True)
        except ConnectionClosed:
            pass
        finally:
            self.clients = [one for one in self.clients if one[0] is not socket]

    def subscribers(self, stream: str) -> list[ServerConnection]:
        """Return the clients of a stream, the oldest first."""
        return [socket for socket, streams in self.clients if stream in streams]

    async def send(self, stream: str, number: int, only: ServerConnection | None = None) -> None:
        """Send a frame of a stream to its subscribers, or to one of them."""
        symbol = stream.partition("@")[0].upper()
        frame = msgspec.json.encode({"stream": stream, "data": {"s": symbol, "u": number}})
        for socket in [only] if only is not None else self.subscribers(stream):
            await socket.send(frame, text=True)

    async def send_raw(self, frame: bytes) -> None:
        """Send these bytes to every client as a text message."""
        for socket, _ in self.clients:
            await socket.send(frame, text=True)

    async def cut(self) -> None:
        """Drop every client without a word."""
        for socket, _ in list(self.clients):
            socket.transport.abort()


@asynccontextmanager
async def scripted_venue() -> AsyncIterator[ScriptedVenue]:
    """Listen on a free loopback port."""
    venue = ScriptedVenue()
    server: Server
    async with serve(venue.talk, "127.0.0.1", 0, compression=None, close_timeout=1) as server:
        venue.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/public/stream"
        yield venue
