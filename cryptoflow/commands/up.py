"""`cryptoflow up`: the local stack, until it is stopped."""

from __future__ import annotations

from pathlib import Path

import click

from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.config import load


@click.command()
@DATA_DIR_OPTION
@click.option("--detach", is_flag=True, help="Return when it is ready; `cryptoflow down` stops it.")
def command(data_dir: str | None, detach: bool) -> None:
    r"""Start a broker and S3 Tables on this machine, with all topics and tables.

    The broker is the configured one (refused in production), else Kafka's own jars (Java 17 and
    Maven; downloaded once), else a mock for demos. Everything listens on loopback and lives in one
    data directory; nothing outlives this command. The other commands reach it with the settings file
    it prints.

    \b
    Example:
      cryptoflow up --detach
      cryptoflow --config var/local/settings.yaml topics list
      cryptoflow down
    """
    from cryptoflow.localstack import lifecycle  # noqa: PLC0415 - a quick --help

    settings = load()
    folder = Path(data_dir or settings.local.data_dir)
    if detach:
        click.echo(lifecycle.start_detached(folder, settings.local.start_timeout_s))
    else:
        lifecycle.serve(folder, settings, click.echo)


COMMAND = command
