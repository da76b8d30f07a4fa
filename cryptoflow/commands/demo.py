"""`cryptoflow demo`: the whole path on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cryptoflow.commands._markets import chosen_markets, what_is_sent
from cryptoflow.commands._output import JSON_OPTION


@click.command()
@what_is_sent
@click.option("--once", is_flag=True, help="End when all that was sent is committed.")
@click.option("--data-dir", type=click.Path(file_okay=False), help="Folder for everything.  [default: var/demo-<time>]")
@JSON_OPTION
def command(
    recordings: tuple[str, ...],
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    listed: str,
    symbols: int,
    rate: float,
    frames: int,
    seconds: float,
    faults: str,
    seed: int,
    once: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    r"""Run the whole path here: simulated exchanges, producer, Kafka, Faust, Iceberg tables.

    Binance USD-M unless other markets are named. On a terminal it shows rates, tables growing, lag and
    gaps until Ctrl-C. With --once it ends when all that was sent is committed. Nothing leaves this
    machine; query the tables afterwards.

    \b
    Examples:
      cryptoflow demo
      cryptoflow demo --once --json --recording session.jsonl.gz
      cryptoflow demo --once --symbols 200 --frames 1000000 --faults all --data-dir var/faults
      cryptoflow demo --markets all --symbols 3
      cryptoflow verify --data-dir var/faults
    """
    from cryptoflow.demo import MARKETS_DEFAULT, DemoOptions, run  # noqa: PLC0415 - a quick --help

    options = DemoOptions(
        recordings=tuple(Path(each) for each in recordings),
        markets=chosen_markets(exchanges, markets, listed) or MARKETS_DEFAULT,
        symbols=symbols,
        rate=rate,
        frames=frames,
        seconds=seconds,
        faults=faults,
        seed=seed,
        once=once,
        data_dir=Path(data_dir) if data_dir else None,
        as_json=as_json,
    )
    sys.exit(run(options))


COMMAND = command
