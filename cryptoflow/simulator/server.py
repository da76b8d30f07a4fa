"""Run the venue: sockets, REST, market, faults and ledger as one asyncio program on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from cryptoflow.simulator._limits import Window
from cryptoflow.simulator._wire import ack, command, opening, refusal
from cryptoflow.simulator.faults import FaultPlan
from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.hub import Client, Hub
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.replay import Replay
from cryptoflow.simulator.rest import RestApi, RestFaults, control_routes

HOST = "127.0.0.1"
ADDRESS_FILE = "simulator.json"
_WRITE_LIMIT_BYTES = 1 << 20
_STOP_S = 5.0
_INTERVAL_MIN, _INTERVAL_MAX, _INTERVAL_DEFAULT = 500, 20_000, 5_000
_FAULTS_PER_RUN = 60
_TOO_MANY = 1008


class _Venue:
    """Hold the parts of one run together."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.ledger = Ledger(options.data_dir)
        self.source: Replay | GeneratedMarket = Replay(options) if options.recordings else GeneratedMarket(options)
        # A recording of the old single URL mixes what is split today; a generated market is today's.
        self.hub = Hub(self.ledger, legacy_serves_all=bool(options.recordings), slow_client_s=options.slow_client_s)
        self.outlet = Outlet(self.hub, self.ledger)
        self.rest_faults = RestFaults()
        self.rest = RestApi(self.source, self.ledger, self.rest_faults, options.rest_weight_per_minute)
        self.plan = FaultPlan(
            self.outlet,
            self.hub,
            self.rest_faults,
            faults=options.faults,
            interval_frames=options.fault_interval_frames or _interval(options.frames_max),
            seed=options.seed,
            silence_s=options.silence_s,
            snapshot_now=self.source.snapshot_now,
        )
        self.connects = Window(options.connects_max, options.connects_window_s)
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
            "missing": len(self.hub.missing(self.source.expected)),
            "healed": self.plan.healed,
            "faults": dict(self.plan.counts),
            "streams": dict(outlet.streams),
            "ledger": str(self.ledger.path),
        }

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse unknown paths and too many connection attempts (PROTOCOLS 3.2)."""
        if not self.connects.take():
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many connection attempts\n")
        if opening(request.path) is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such path\n")
        return None

    async def talk(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends."""
        path = connection.request.path if connection.request else ""
        opened = opening(path)
        if opened is None or len(opened.streams) > self.options.streams_max:
            await connection.close(_TOO_MANY, "too many streams")
            return
        client = self.hub.open(connection, opened, path)
        pace = Window(self.options.messages_per_s_max, 1.0)
        try:
            async for message in connection:
                if not pace.take():
                    await connection.close(_TOO_MANY, "Too many requests")
                    return
                await connection.send(self._answer(client, message), text=True)
        except ConnectionClosed:
            pass
        finally:
            self.hub.drop(client, "client")

    def _answer(self, client: Client, message: str | bytes) -> bytes:
        asked = command(message)
        if isinstance(asked, bytes):
            return asked
        streams = [name for name in asked.params if isinstance(name, str)]
        if asked.method == "SUBSCRIBE":
            if len({*client.streams, *streams}) > self.options.streams_max:
                return refusal(asked.id, "too many streams")
            self.hub.subscribe(client, streams)
            return ack(asked.id)
        if asked.method == "UNSUBSCRIBE":
            self.hub.unsubscribe(client, streams)
        elif asked.method == "SET_PROPERTY" and asked.params[:1] == ["combined"]:
            client.combined = asked.params[1:2] == [True]
        elif asked.method != "LIST_SUBSCRIPTIONS":
            return refusal(asked.id, f"unknown method {asked.method}")
        return ack(asked.id, list(client.streams) if asked.method == "LIST_SUBSCRIPTIONS" else None)

    async def play(self, stop: asyncio.Event) -> None:
        """Wait for the subscriptions, then send the market."""
        complete = await self.hub.wait_subscribed(self.source.expected, self.options.start_wait_s, stop)
        self.state = "running"
        self.ledger.event("start", complete=complete, missing=self.hub.missing(self.source.expected)[:20])
        await self.source.run(self.outlet, self.plan, stop)
        self.state = "done"
        self.ledger.event("done", faults=dict(self.plan.counts), healed=self.plan.healed)


def _interval(frames_max: int) -> int:
    if not frames_max:
        return _INTERVAL_DEFAULT
    return max(_INTERVAL_MIN, min(_INTERVAL_MAX, frames_max // _FAULTS_PER_RUN))


def _announce(data_dir: Path, urls: dict[str, Any]) -> None:
    """Write where the venue listens, the whole file at once."""
    half = data_dir / f".{ADDRESS_FILE}.{os.getpid()}"
    half.write_bytes(msgspec.json.encode({**urls, "pid": os.getpid()}))
    half.replace(data_dir / ADDRESS_FILE)


async def simulate(
    options: SimulatorOptions, stop: asyncio.Event, on_ready: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Run until `stop` is set or POST /_sim/stop; sockets stay open after the end of data.

    Once both ports answer, <data-dir>/simulator.json and `on_ready` tell {"endpoints": {"public",
    "market", "rest"}, "ws", "rest", "control", "ledger"}. Raises ConfigError for recordings that
    cannot be replayed.
    """
    options.data_dir.mkdir(parents=True, exist_ok=True)
    venue = _Venue(options)
    app = web.Application()
    app.add_routes([*venue.rest.routes(), *control_routes(venue.status, stop)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(venue.ledger.close)
        sockets = await stack.enter_async_context(
            serve(
                venue.talk, HOST, options.ws_port, process_request=venue.admit, compression=None,
                ping_interval=options.ping_interval_s, ping_timeout=options.ping_timeout_s, close_timeout=1,
                write_limit=_WRITE_LIMIT_BYTES,
            )
        )  # fmt: skip
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HOST, options.rest_port).start()
        ws = f"ws://{HOST}:{sockets.sockets[0].getsockname()[1]}"
        rest = f"http://{HOST}:{runner.addresses[0][1]}"
        endpoints = {"public": f"{ws}/public/stream", "market": f"{ws}/market/stream", "rest": rest}
        told = {"endpoints": endpoints, "ws": ws, "rest": rest, "control": rest, "ledger": str(venue.ledger.path)}
        _announce(options.data_dir, told)
        if on_ready:
            on_ready(told)
        await _until_stopped(venue, stop)


async def _until_stopped(venue: _Venue, stop: asyncio.Event) -> None:
    """Play, then keep the sockets open until stop is set. Raises what playing raises."""
    player = asyncio.create_task(venue.play(stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({player, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if player.done():
        player.result()
        await stopped
    await asyncio.wait({player}, timeout=_STOP_S)
    player.cancel()
