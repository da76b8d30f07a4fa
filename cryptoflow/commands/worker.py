"""`cryptoflow worker`: the agents; the same as `faust -A cryptoflow worker`."""

from __future__ import annotations

import os
import sys

import click

from cryptoflow.commands._stage import require_broker
from cryptoflow.config import load

_ALWAYS = ("-m", "faust", "-A", "cryptoflow", "worker", "--without-web")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("faust_options", nargs=-1, type=click.UNPROCESSED)
def command(faust_options: tuple[str, ...]) -> None:
    r"""Turn raw topics into md topics with Faust agents, until SIGTERM.

    This is `faust -A cryptoflow worker`; what follows is handed to Faust. The broker is the
    configured one. Which outputs it makes is the setting `agents.role`.

    \b
    Example:
      cryptoflow --config production.yaml worker -l warn
    """
    settings = load()
    require_broker(settings, "worker")
    level = () if {"-l", "--loglevel"} & set(faust_options) else ("-l", settings.log_level.lower())
    # The same process becomes Faust's, so signals and supervision reach it as if it had been called.
    os.execv(sys.executable, [sys.executable, *_ALWAYS, *level, *faust_options])  # noqa: S606 - no shell is involved


COMMAND = command
