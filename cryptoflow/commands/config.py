"""`cryptoflow config`: every setting, and what is wrong with them."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from cryptoflow.commands._output import JSON_OPTION, say_error, say_json, say_table
from cryptoflow.config import load


@click.group()
def group() -> None:
    """Show and check the settings: file, environment and defaults together."""


@group.command()
@click.option("--changed", is_flag=True, help="Only settings that are not at their default.")
@JSON_OPTION
def show(changed: bool, as_json: bool) -> None:
    r"""Print every setting with its value, default, origin and description; secrets are masked.

    The unit of a limit is the end of its name. An environment variable wins over the file:
    CRYPTOFLOW_KAFKA__PARTITIONS sets kafka.partitions.

    \b
    Example:
      cryptoflow --config production.yaml config show --changed
    """
    from cryptoflow import show as logic  # noqa: PLC0415 - a quick --help

    rows = [each for each in logic.shown(load()) if not changed or each.origin != "default"]
    if as_json:
        say_json([asdict(each) for each in rows])
    else:
        say_table(
            ("setting", "value", "default", "from", "description"), [tuple(asdict(each).values()) for each in rows]
        )


@group.command()
def check() -> None:
    r"""Check the settings without reaching anything; exit code 2 when something is wrong.

    \b
    Example:
      cryptoflow --config production.yaml config check
    """
    from cryptoflow import show as logic  # noqa: PLC0415 - a quick --help

    found = logic.problems(load())
    for problem in found:
        say_error(problem)
    if found:
        sys.exit(2)
    click.echo("the settings are right")


COMMAND = group
