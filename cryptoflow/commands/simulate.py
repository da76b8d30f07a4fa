"""`cryptoflow simulate`: exchanges on loopback."""

from __future__ import annotations

from pathlib import Path

import click

from cryptoflow.commands._markets import chosen_markets, what_is_sent
from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.commands._stage import run_async
from cryptoflow.config import load

_FIRST_WAIT_S = 600.0
"""Wait for somebody to subscribe anything before data flows: whoever records may start much later."""


@click.command()
@DATA_DIR_OPTION
@what_is_sent
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Speed of a recording: 1 as it was recorded; 0: as fast as it is taken.",
)
def command(
    data_dir: str | None,
    recordings: tuple[str, ...],
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    listed: str,
    symbols: int,
    rate: float,
    frames: int,
    seconds: float,
    faults: str,
    speed: float,
    seed: int,
) -> None:
    r"""Speak the exchanges' protocols on loopback: WebSocket and REST, recordings or generated markets.

    All markets unless some are named. It writes where it listens to simulator.json in the data
    directory, and a ledger of every frame it sent, which `cryptoflow verify` compares with the tables.

    \b
    Example:
      cryptoflow simulate --data-dir var/sim --market binance.usdm --symbols 5 --rate 100 --faults gap,duplicate
    """
    from cryptoflow import logs  # noqa: PLC0415 - a quick --help
    from cryptoflow.simulator import (  # noqa: PLC0415 - a quick --help
        SimulatorOptions,
        parse_faults,
        simulate,
    )

    settings = load()
    options = SimulatorOptions(
        data_dir=Path(data_dir or settings.local.data_dir),
        recordings=tuple(Path(each) for each in recordings),
        markets=() if recordings else chosen_markets(exchanges, markets, listed),
        symbols=symbols,
        rate_fps=rate,
        frames_max=frames,
        run_s=seconds,
        speed=speed,
        seed=seed,
        faults=parse_faults(faults),
        first_wait_s=_FIRST_WAIT_S,
    )
    logs.setup_logging(settings.log_level)
    run_async(lambda stop: simulate(options, stop))


COMMAND = command
