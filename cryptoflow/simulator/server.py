"""Run the venues: sockets, REST, market, faults and ledger as one asyncio program on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from websockets.asyncio.server import serve

from cryptoflow.simulator.client import Attentive
from cryptoflow.simulator.door import Door
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.replay import Replay
from cryptoflow.simulator.rest import RestApi, RestFaults, control_routes
from cryptoflow.simulator.venues import venue_of

HOST = "127.0.0.1"
ADDRESS_FILE = "simulator.json"
_WRITE_LIMIT_BYTES = 1 << 20
_STOP_S = 5.0
_INTERVAL_MIN, _INTERVAL_MAX, _INTERVAL_DEFAULT = 500, 20_000, 5_000
_FAULTS_PER_RUN = 60


class _Run:
    """Hold the parts of one run together."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.ledger = Ledger(options.data_dir)
        self.source: Replay | GeneratedMarket = Replay(options) if options.recordings else GeneratedMarket(options)
        self.venues = list(dict.fromkeys(venue_of(market) for market in self.source.markets))
        self.hub = Hub(self.ledger, slow_client_s=options.slow_client_s)
        self.hub.first_frames = self.source.first_frames
        # Without faults a client gives up only what the recording itself broke; no snapshot of it would be true.
        self.hub.retells = bool(options.faults) or not options.recordings
        self.outlet = Outlet(self.hub, self.ledger)
        self.source.outlet = self.outlet
        self.rest_faults = RestFaults()
        self.door = Door(self.venues, self.source, self.hub, options)
        self.rest = RestApi(self.venues, self.source, self.ledger, self.rest_faults, self.door.limits)
        self.plan = FaultPlan(
            self.outlet,
            self.hub,
            self.rest_faults,
            channels=self.source.channels,
            faults=options.faults,
            interval_frames=options.fault_interval_frames or _interval(options.frames_max),
            seed=options.seed,
            silence_s=options.silence_s,
            snapshot_now=self.source.snapshot_now,
            cross=self.source.cross,
        )
        self.state = "waiting"

    def status(self) -> dict[str, Any]:
        """Tell how far the run is."""
        outlet = self.outlet
        return {
            "state": self.state,
            "frames_sent": self.hub.frames_sent,
            "frames_offered": outlet.offered,
            "frames_withheld": outlet.counts["withheld"],
            "garbage_sent": outlet.counts["garbage"],
            "duplicates_sent": outlet.counts["duplicates"],
            "snapshots": self.rest.snapshots,
            "connections": len(self.hub.clients),
            "missing": len(self.hub.missing(self.source.channels)),
            "healed": self.plan.healed,
            "faults": dict(self.plan.counts),
            "streams": dict(outlet.streams),
            "ledger": str(self.ledger.path),
        }

    def addresses(self, ws: str, rest: str) -> dict[str, str]:
        """Return the URL of every endpoint, as the setting producer.endpoints wants them."""
        found = {}
        for market in self.source.markets:
            venue = venue_of(market)
            for name, path in venue.endpoints(market.partition(".")[2]).items():
                found[f"{market}.{name}"] = f"{ws}{venue.prefix}{path}"
            found[f"{market}.rest"] = f"{rest}{venue.prefix}"
        return found

    async def play(self, stop: asyncio.Event) -> None:
        """Wait for the subscriptions, then send the market."""
        complete = await self.hub.wait_subscribed(
            self.source.channels, self.options.start_wait_s, stop, first_wait_s=self.options.first_wait_s
        )
        self.state = "running"
        self.ledger.event("start", complete=complete, missing=self.hub.missing(self.source.channels)[:20])
        await self.source.run(self.outlet, self.plan, stop)
        self.state = "done"
        self.ledger.event("done", faults=dict(self.plan.counts), healed=self.plan.healed)


def _interval(frames_max: int) -> int:
    if not frames_max:
        return _INTERVAL_DEFAULT
    return max(_INTERVAL_MIN, min(_INTERVAL_MAX, frames_max // _FAULTS_PER_RUN))


def _announce(data_dir: Path, urls: dict[str, Any]) -> None:
    """Write where the venues listen, the whole file at once."""
    half = data_dir / f".{ADDRESS_FILE}.{os.getpid()}"
    half.write_bytes(msgspec.json.encode({**urls, "pid": os.getpid()}))
    half.replace(data_dir / ADDRESS_FILE)


async def simulate(
    options: SimulatorOptions, stop: asyncio.Event, on_ready: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Run until `stop` is set or POST /_sim/stop; sockets stay open after the end of data.

    Once both ports answer, <data-dir>/simulator.json and `on_ready` tell {"endpoints":
    {"<exchange>.<market>.<endpoint>": url, "<exchange>.<market>.rest": url}, "ws", "rest", "control",
    "ledger"}. Raises ConfigError for recordings that cannot be replayed.
    """
    options.data_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(options)
    app = web.Application()
    app.add_routes([*control_routes(run.status, stop), *run.rest.routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(run.ledger.close)
        sockets = await stack.enter_async_context(
            serve(
                run.door.talk, HOST, options.ws_port, process_request=run.door.admit, compression="deflate",
                ping_interval=options.ping_interval_s, ping_timeout=options.ping_timeout_s, close_timeout=1,
                write_limit=_WRITE_LIMIT_BYTES, create_connection=Attentive,
            )
        )  # fmt: skip
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HOST, options.rest_port).start()
        ws = f"ws://{HOST}:{sockets.sockets[0].getsockname()[1]}"
        rest = f"http://{HOST}:{runner.addresses[0][1]}"
        endpoints = run.addresses(ws, rest)
        told = {"endpoints": endpoints, "ws": ws, "rest": rest, "control": rest, "ledger": str(run.ledger.path)}
        _announce(options.data_dir, told)
        ticking = asyncio.create_task(run.door.tick_for_ever())
        stack.callback(ticking.cancel)
        if on_ready:
            on_ready(told)
        await _until_stopped(run, ticking, stop)


async def _until_stopped(run: _Run, ticking: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Play, then keep the sockets open until stop is set. Raises what playing or ticking raises."""
    player = asyncio.create_task(run.play(stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({player, stopped, ticking}, return_when=asyncio.FIRST_COMPLETED)
    if ticking.done():
        ticking.result()
    if player.done():
        player.result()
        await stopped
    await asyncio.wait({player}, timeout=_STOP_S)
    player.cancel()
