"""`cryptoflow worker`: the agents; the same as `faust -A cryptoflow worker`."""

from __future__ import annotations

import click

from cryptoflow.commands._stage import require_broker
from cryptoflow.config import load


@click.command()
def command() -> None:
    r"""Turn raw topics into md topics with Faust agents, until SIGTERM.

    This is `faust -A cryptoflow worker`, which takes Faust's own options too. The broker is the
    configured one. Which outputs it makes is the setting `agents.role`; several workers of a role
    share the partitions.

    \b
    Example:
      cryptoflow --config production.yaml worker
    """
    settings = load()
    require_broker(settings, "worker")
    from cryptoflow.worker import run_worker  # noqa: PLC0415 - a quick --help

    run_worker(settings)


COMMAND = command
