"""The simulator as a process of its own: tells its addresses in a file, ends on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import msgspec

from cryptoflow.simulator.options import SimulatorOptions
from cryptoflow.simulator.server import simulate

ADDRESS_FILE = "simulator.json"


def run(options: SimulatorOptions) -> None:
    """Run until SIGTERM, SIGINT or POST /_sim/stop; addresses are in <data-dir>/simulator.json.

    The file appears, whole, once both ports answer, and is removed at the end.
    """
    options.data_dir.mkdir(parents=True, exist_ok=True)
    address = options.data_dir / ADDRESS_FILE
    address.unlink(missing_ok=True)
    try:
        asyncio.run(_run(options, address))
    finally:
        address.unlink(missing_ok=True)


async def _run(options: SimulatorOptions, address: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def tell(urls: dict[str, str]) -> None:
        half = address.with_suffix(".tmp")
        half.write_bytes(msgspec.json.encode({**urls, "pid": os.getpid()}))
        half.replace(address)

    await simulate(options, stop, tell)
