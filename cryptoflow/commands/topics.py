"""`cryptoflow topics`: create and compare the topics of a deployment."""

from __future__ import annotations

import click

from cryptoflow.commands._output import JSON_OPTION, say_json, say_table
from cryptoflow.config import load


@click.group()
def group() -> None:
    """Create and compare the topics: raw.<exchange>, md.*, state.<role>, control.reseed."""


@group.command()
@JSON_OPTION
def apply(as_json: bool) -> None:
    r"""Create missing topics and mend retention, record size and cleanup settings.

    Partition counts are fixed at creation, because keys and positions depend on them: a topic with
    another count than `kafka.partitions` ends the command before anything is touched.

    \b
    Example:
      cryptoflow --config production.yaml topics apply
    """
    from cryptoflow import topics  # noqa: PLC0415 - a quick --help

    _say([state.row() for state in topics.apply(load())], as_json=as_json)


@group.command("list")
@JSON_OPTION
def list_(as_json: bool) -> None:
    """Show every topic that is to exist, and how it differs from what was asked; changes nothing."""
    from cryptoflow import topics  # noqa: PLC0415 - a quick --help

    _say([state.row() for state in topics.listed(load())], as_json=as_json)


def _say(rows: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        say_json(rows)
    else:
        say_table(("topic", "state", "partitions", "detail"), [tuple(row.values()) for row in rows])


COMMAND = group
