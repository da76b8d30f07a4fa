"""How a stage process runs: stop on a signal, end in time, tell its health."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Self

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from cryptoflow.health import Facts, HealthServer

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


class Health:
    """Keep what a stage last said of itself and serve it while in use, when `health_port` is set."""

    def __init__(self, settings: Settings) -> None:
        """Bind nothing yet; until the stage speaks it is live and not ready."""
        self._settings = settings
        self._facts = Facts(live=True, ready=False, detail={"state": "starting"})
        self._server: HealthServer | None = None

    def tell(self, *, live: bool, ready: bool, detail: dict[str, object]) -> None:
        """Take what the stage says now."""
        self._facts = Facts(live=live, ready=ready, detail=detail)

    def __enter__(self) -> Self:
        """Serve. Raises ConfigError when the port is taken."""
        port = self._settings.health_port
        if port:
            try:
                self._server = HealthServer(self._settings.health_bind, port, lambda: self._facts)
            except OSError as error:
                raise ConfigError(
                    f"serving health on {self._settings.health_bind}:{port}: {error.strerror}",
                    fix="set another health_port, or 0 to switch it off",
                ) from error
            self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Free the port."""
        if self._server:
            self._server.stop()


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
