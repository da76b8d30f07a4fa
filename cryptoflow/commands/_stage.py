"""How a stage process runs: stop on a signal, end in time, tell its health."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError

HARD_EXIT_S = 30.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def require_broker(settings: Settings, role: str) -> None:
    """Refuse to guess a broker: production first."""
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            f"starting {role}: kafka.bootstrap_servers is not configured",
            fix="set it with --config or CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS, or run `cryptoflow demo`",
        )


def require_catalog(settings: Settings, role: str) -> None:
    """Refuse to guess a catalog: production first."""
    catalog = settings.catalog
    if not (catalog.warehouse if catalog.kind == "s3tables" else catalog.uri):
        name = "warehouse" if catalog.kind == "s3tables" else "uri"
        raise ConfigError(
            f"starting {role}: catalog.{name} is not configured",
            fix=f"set it with --config or CRYPTOFLOW_CATALOG__{name.upper()}, or run `cryptoflow demo`",
        )


def arm_hard_exit(limit_s: float = HARD_EXIT_S) -> None:
    """End the process after a limit, whatever hangs; what was not finished is done again after a restart."""
    timer = threading.Timer(limit_s, os._exit, args=(4,))
    timer.daemon = True
    timer.start()


def run_async(body: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a coroutine until it returns; a signal sets its stop event and starts the last 30 s."""

    async def main() -> None:
        stop = asyncio.Event()

        def ask() -> None:
            if not stop.is_set():
                arm_hard_exit()
                stop.set()

        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, ask)
        await body(stop)

    asyncio.run(main())


def run_blocking(body: Callable[[threading.Event], None]) -> None:
    """Run a function until it returns; a signal sets its stop event and starts the last 30 s."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        if not stop.is_set():
            arm_hard_exit()
            stop.set()

    for number in _SIGNALS:
        signal.signal(number, ask)
    body(stop)
