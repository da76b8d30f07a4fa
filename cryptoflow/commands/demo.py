"""`cryptoflow demo`: the whole path on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cryptoflow.commands._output import JSON_OPTION


@click.command()
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Replay a recorded session; may be given several times. Otherwise a market is generated.",
)
@click.option("--symbols", type=click.IntRange(1, 5000), default=20, show_default=True, help="Generated symbols.")
@click.option(
    "--rate",
    type=click.IntRange(0),
    default=2000,
    show_default=True,
    help="Generated frames per second in all; 0: as fast as they are taken.",
)
@click.option("--frames", type=click.IntRange(0), default=0, help="End after so many generated frames.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="End after so many seconds.")
@click.option("--faults", default="none", show_default=True, metavar="all|none|LIST", help="Faults to inject.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed generates the same market.")
@click.option("--once", is_flag=True, help="End when all that was sent is committed.")
@click.option("--data-dir", type=click.Path(file_okay=False), help="Folder for everything.  [default: var/demo-<time>]")
@JSON_OPTION
def command(
    recordings: tuple[str, ...],
    symbols: int,
    rate: int,
    frames: int,
    seconds: float,
    faults: str,
    seed: int,
    once: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    r"""Run the whole path here: simulated exchange, producer, Kafka, Faust, Iceberg tables.

    On a terminal it shows rates, tables growing, lag and gaps until Ctrl-C. With --once it ends when
    all that was sent is committed. Nothing leaves this machine; query the tables afterwards.

    \b
    Examples:
      cryptoflow demo
      cryptoflow demo --once --json --recording session.jsonl.gz
      cryptoflow demo --once --symbols 200 --frames 1000000 --faults all --data-dir var/faults
      cryptoflow verify --data-dir var/faults
    """
    from cryptoflow.demo import DemoOptions, run  # noqa: PLC0415 - a quick --help

    options = DemoOptions(
        recordings=tuple(Path(each) for each in recordings),
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
