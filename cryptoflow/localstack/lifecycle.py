"""The local stack as a process: in the foreground, detached, and stopped from elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError, UnreachableError
from cryptoflow.localstack import record
from cryptoflow.localstack.stack import LocalStack

STOP_TIMEOUT_S = 60.0
_DOWNLOAD_TIMEOUT_S = 600.0
_POLL_S = 0.1


def serve(data_dir: Path, settings: Settings, say: Callable[[str], None]) -> None:
    """Run the stack until SIGTERM or SIGINT. Raises UnreachableError when a part of it ends by itself."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stack = LocalStack(data_dir, settings)
    try:
        started = stack.start()
        if stack.warning:
            say(f"warning: {stack.warning}")
        say(_ready(stack.data_dir, started))
        while not stop.wait(_POLL_S):
            for child in stack.supervisor.children:
                if not child.alive():
                    raise UnreachableError(f"running the local stack: {child.name} ended", fix=f"see {child.log}")
    finally:
        stack.stop()


def _ready(data_dir: Path, settings: Settings) -> str:
    return (
        f"ready: broker {settings.kafka.bootstrap_servers}, tables {settings.catalog.uri}; "
        f"settings for other commands: --config {record.config_path(data_dir)}"
    )


def start_detached(data_dir: Path, start_timeout_s: float) -> str:
    """Start the stack as a process of its own and return the line it prints when it is ready."""
    if record.read(data_dir):
        raise ConfigError(f"using {data_dir}: another local stack runs on it", fix="`cryptoflow down` stops it")
    log = data_dir / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", "cryptoflow", "up", "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The first start may download the broker.
    deadline = clock.monotonic_s() + start_timeout_s + _DOWNLOAD_TIMEOUT_S
    pause = threading.Event()
    while clock.monotonic_s() < deadline:
        lines = log.read_text("utf-8").splitlines()
        if any(line.startswith("ready: ") for line in lines):
            return "\n".join(lines)
        if process.poll() is not None:
            text = lines[-1].removeprefix("cryptoflow: ") if lines else f"it ended with {process.returncode}"
            raise UnreachableError(f"starting the local stack: {text}")
        pause.wait(_POLL_S)
    process.terminate()
    raise UnreachableError("starting the local stack: it was not ready in time", fix=f"see {log}")


def stop(data_dir: Path) -> bool:
    """Stop the stack that runs on a directory and wait until it is gone; False when none runs."""
    running = record.read(data_dir)
    if running is None:
        return False
    _signal(running.pid, signal.SIGTERM)
    deadline = clock.monotonic_s() + STOP_TIMEOUT_S
    pause = threading.Event()
    while record.read(data_dir):
        if clock.monotonic_s() > deadline:
            _signal(running.pid, signal.SIGKILL)  # the kernel then ends its children
            record.remove(data_dir)
            raise UnreachableError(f"stopping the local stack on {data_dir}: it had to be killed")
        pause.wait(_POLL_S)
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
