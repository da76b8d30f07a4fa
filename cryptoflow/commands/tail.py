"""`cryptoflow tail`: what passes on a topic."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import click

from cryptoflow.commands._output import DATA_DIR_OPTION
from cryptoflow.commands._stage import require_broker
from cryptoflow.config import load


@click.command()
@click.argument("topic")
@DATA_DIR_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line; decimals are text.")
@click.option("--limit", type=click.IntRange(1), help="End after so many rows.")
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest record instead of the next.")
@click.option("--no-follow", is_flag=True, help="End at the topic's present end.")
def command(
    topic: str, data_dir: str | None, as_json: bool, limit: int | None, from_beginning: bool, no_follow: bool
) -> None:
    r"""Print rows as they pass, until Ctrl-C.

    TOPIC is an md topic (md.trades), a table's name (trades), a raw topic (raw.binance, frames as
    received), state.<role>, control.reseed, or any full topic name.

    \b
    Examples:
      cryptoflow tail md.trades
      cryptoflow tail gaps --from-beginning --no-follow --json
      cryptoflow tail raw.binance --limit 5
    """
    from cryptoflow import tail  # noqa: PLC0415 - a quick --help
    from cryptoflow.localstack import record  # noqa: PLC0415 - a quick --help

    settings = load()
    if data_dir or not settings.kafka.bootstrap_servers:
        running = record.read(record.folder(settings, Path(data_dir) if data_dir else None))
        settings = running.settings if running else settings
    require_broker(settings, "tail")
    source = tail.source_of(settings.kafka, topic)
    rows = tail.read(settings.kafka, source, from_beginning=from_beginning, follow=not no_follow)
    for row in itertools.islice(rows, limit):
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else tail.line(row))


COMMAND = command
