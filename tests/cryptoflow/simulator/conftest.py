"""A running simulator and a plain client of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from cryptoflow.simulator import SimulatorOptions, simulate

DEADLINE_S = 20.0
PREFIX = "/binance/usdm"


class Venue:
    """Talk to a running simulator over its sockets only."""

    def __init__(self, told: dict[str, Any], http: aiohttp.ClientSession) -> None:
        """Keep where it listens."""
        self.told = told
        self.http = http

    def connect(self, path: str) -> Any:
        """Open a WebSocket."""
        return websockets.connect(self.told["ws"] + _whole(path), compression=None, max_size=None, max_queue=4096)

    async def get(self, path: str) -> tuple[int, Any, Any]:
        """Return status, JSON body and headers of a REST answer."""
        async with self.http.get(self.told["rest"] + _whole(path)) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers

    async def status(self) -> dict[str, Any]:
        """Return the simulator's status."""
        return (await self.get("/_sim/status"))[1]

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the status is as wanted."""
        async with asyncio.timeout(DEADLINE_S):
            while not wanted(status := await self.status()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the status is behind HTTP: there is no event to wait for
        return status

    def ledger(self) -> list[tuple[str, str, int, bytes]]:
        """Return the ledger's lines: kind, label, time, the rest."""
        lines = Path(self.told["ledger"]).read_bytes().splitlines()
        parts = [line.split(b" ", 4) for line in lines]
        return [(kind.decode(), label.decode(), int(ns), rest) for kind, label, ns, _, rest in parts]


def _whole(path: str) -> str:
    """Put Binance USD-M before paths that name no exchange."""
    return path if path.startswith(("/_sim", "/binance", "/bybit", "/coinbase", "/okx", "/nowhere")) else PREFIX + path


async def ask(socket: Any, method: str, params: list[Any], number: int = 1) -> dict[str, Any]:
    """Send a control frame and return its answer, passing over data."""
    await socket.send(json.dumps({"method": method, "params": params, "id": number}))
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = json.loads(await socket.recv())
            if "stream" not in answer:
                return answer


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Give a function that runs a simulator for the time of an `async with`."""

    @asynccontextmanager
    async def run(**told: Any) -> AsyncIterator[Venue]:
        stop = asyncio.Event()
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            simulate(
                SimulatorOptions(data_dir=tmp_path, **{"markets": ("binance.usdm",), **told}), stop, ready.set_result
            )
        )
        done, _ = await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            await task
        async with aiohttp.ClientSession() as http:
            yield Venue(ready.result(), http)
        stop.set()
        await asyncio.wait_for(task, DEADLINE_S)

    return run


@pytest.fixture
def request_of() -> Callable[..., Awaitable[dict[str, Any]]]:
    """Give `ask`."""
    return ask
