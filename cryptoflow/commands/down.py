"""`cryptoflow down`: stop the local stack."""

from __future__ import annotations

from pathlib import Path

import click

from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.config import load


@click.command()
@DATA_DIR_OPTION
def command(data_dir: str | None) -> None:
    r"""Stop the local stack that runs on a data directory; its data stays.

    \b
    Example:
      cryptoflow down --data-dir var/local
    """
    from cryptoflow.localstack import lifecycle  # noqa: PLC0415 - a quick --help

    folder = Path(data_dir or load().local.data_dir)
    stopped = lifecycle.stop(folder)
    click.echo(f"stopped the local stack on {folder}" if stopped else f"no local stack runs on {folder}")


COMMAND = command
