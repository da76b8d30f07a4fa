"""`cryptoflow verify`: the simulator's ledger against the tables, row for row."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cryptoflow.commands._output import JSON_OPTION, say_json
from cryptoflow.config import load


@click.command()
@click.option(
    "--data-dir", required=True, type=click.Path(exists=True, file_okay=False), help="Folder of the run to verify."
)
@JSON_OPTION
def command(data_dir: str, as_json: bool) -> None:
    r"""Compare every frame the simulator sent with the rows in the tables.

    It parses frames with its own few lines, so it shares no error with the recorder. Lost: sent, not
    in the tables and not inside a declared gap. Exit code 1 when anything is lost, duplicated or
    altered, or a gap is undeclared or reaches further than what was missed.

    \b
    Example:
      cryptoflow demo --once --faults all --data-dir var/faults
      cryptoflow verify --data-dir var/faults
    """
    from cryptoflow import query  # noqa: PLC0415 - a quick --help
    from cryptoflow.verify import verify  # noqa: PLC0415 - a quick --help

    folder = Path(data_dir)
    with query.reachable(load(), folder) as settings:
        report = verify(folder, settings)
    if as_json:
        say_json(report.plain())
    else:
        click.echo(report.text())
    sys.exit(0 if report.clean else 1)


COMMAND = command
