"""Run the venue simulator inside a test's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.server import simulate


class VenueRun:
    """Know where the venue listens and ask it how far it is."""

    def __init__(self, told: dict[str, Any], session: aiohttp.ClientSession, task: asyncio.Task[None]) -> None:
        """Take what the simulator said of itself."""
        self.endpoints = told["endpoints"]
        self._control = told["control"]
        self._session = session
        self.task = task

    async def status(self) -> dict[str, Any]:
        """Return the simulator's status."""
        async with self._session.get(f"{self._control}/_sim/status") as answer:
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def venue(path: Path, **options: Any) -> AsyncIterator[VenueRun]:
    """Start a venue and stop it at the end."""
    stop, ready = asyncio.Event(), asyncio.Event()
    told: dict[str, Any] = {}

    def on_ready(said: dict[str, Any]) -> None:
        told.update(said)
        ready.set()

    task = asyncio.create_task(
        simulate(SimulatorOptions(data_dir=path, **{"markets": ("binance.usdm",), **options}), stop, on_ready)
    )
    await asyncio.wait_for(ready.wait(), 10)
    async with aiohttp.ClientSession() as session:
        try:
            yield VenueRun(told, session, task)
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], Any], deadline_s: float, doing: str) -> Any:
    """Wait for a condition, sync or async; fail with what was waited for."""
    end = asyncio.get_running_loop().time() + deadline_s
    while asyncio.get_running_loop().time() < end:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{doing}: not within {deadline_s} s")
