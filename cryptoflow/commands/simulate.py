"""`cryptoflow simulate`: an exchange on loopback."""

from __future__ import annotations

from pathlib import Path

import click

from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.commands._stage import run_async
from cryptoflow.config import load


@click.command()
@DATA_DIR_OPTION
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Replay a recorded session; may be given several times. Otherwise a market is generated.",
)
@click.option(
    "--market",
    "markets",
    multiple=True,
    metavar="NAME",
    help="Market to generate, such as binance.usdm, or an exchange with all of its; may be given several times."
    "  [default: all]",
)
@click.option(
    "--symbols", type=click.IntRange(1, 5000), default=20, show_default=True, help="Generated symbols per market."
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=2000,
    show_default=True,
    help="Generated frames per second in all; 0: as fast as they are taken.",
)
@click.option("--frames", type=click.IntRange(0), default=0, help="End after so many generated frames.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="End after so many seconds.")
@click.option("--faults", default="none", show_default=True, metavar="all|none|LIST", help="Faults to inject.")
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Speed of a recording: 1 as it was recorded; 0: as fast as it is taken.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed generates the same market.")
def command(
    data_dir: str | None,
    recordings: tuple[str, ...],
    markets: tuple[str, ...],
    symbols: int,
    rate: float,
    frames: int,
    seconds: float,
    faults: str,
    speed: float,
    seed: int,
) -> None:
    r"""Speak the exchanges' protocols on loopback: WebSocket and REST, recordings or generated markets.

    It writes where it listens to simulator.json in the data directory, and a ledger of every frame it
    sent, which `cryptoflow verify` compares with the tables.

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
    from cryptoflow.simulator.venues import chosen  # noqa: PLC0415 - a quick --help

    settings = load()
    options = SimulatorOptions(
        data_dir=Path(data_dir or settings.local.data_dir),
        recordings=tuple(Path(each) for each in recordings),
        markets=() if recordings else chosen(markets),
        symbols=symbols,
        rate_fps=rate,
        frames_max=frames,
        run_s=seconds,
        speed=speed,
        seed=seed,
        faults=parse_faults(faults),
    )
    logs.setup_logging(settings.log_level)
    run_async(lambda stop: simulate(options, stop))


COMMAND = command
