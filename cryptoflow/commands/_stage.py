"""How a stage process runs: stop on a signal, end in time, tell its health."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Self

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from cryptoflow.health import Facts, HealthServer

HARD_EXIT_S = 30.0
STATUS_TIMEOUT_S = 5.0
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
        self._status: tuple[asyncio.AbstractEventLoop, Callable[[], object]] | None = None
        self._server: HealthServer | None = None

    def tell(
        self,
        *,
        live: bool,
        ready: bool,
        detail: dict[str, object],
        status: Callable[[], object] | None = None,
    ) -> None:
        """Take what the stage says now; a status is asked for in the event loop that told it."""
        self._facts = Facts(live=live, ready=ready, detail=detail)
        if status is not None:
            self._status = asyncio.get_running_loop(), status

    def __enter__(self) -> Self:
        """Serve. Raises ConfigError when the port is taken."""
        port = self._settings.health_port
        if port:
            try:
                self._server = HealthServer(self._settings.health_bind, port, lambda: self._facts, self._ask)
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

    def _ask(self) -> object | None:
        """Return the stage's status, None when it has none; a loop that does not answer in time raises."""
        if self._status is None:
            return None
        loop, status = self._status
        answer: concurrent.futures.Future[object] = concurrent.futures.Future()

        def look() -> None:
            try:
                answer.set_result(status())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked
                answer.set_exception(error)

        loop.call_soon_threadsafe(look)
        return answer.result(STATUS_TIMEOUT_S)


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
