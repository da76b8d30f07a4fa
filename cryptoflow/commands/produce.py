"""`cryptoflow produce`: sockets and REST of exchanges to their raw topics."""

from __future__ import annotations

import click

from cryptoflow.commands._stage import Health, require_broker, run_async
from cryptoflow.commands._venues import recorded, selections_of, what_is_recorded, with_flags
from cryptoflow.config import load


@click.command()
@what_is_recorded
@click.option("--replica-count", type=click.IntRange(1, 1024), help="Producers that share the symbols.")
@click.option("--replica-index", type=click.IntRange(0, 1023), help="Which of them this one is, from 0.")
@click.option(
    "--source",
    type=click.Choice(("live", "test", "replay")),
    default="live",
    show_default=True,
    help="Written into every row; only live is allowed in production.",
)
def command(
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    expressions: tuple[str, ...],
    names: tuple[str, ...],
    streams: str | None,
    replica_count: int | None,
    replica_index: int | None,
    source: str,
) -> None:
    r"""Record exchanges: every frame received goes to its raw topic, verbatim, until SIGTERM.

    It reaches the real venues and the configured broker. While the broker is away frames wait in the
    spool on disk; what cannot be kept becomes a gap that names its bounds.

    An expression of --symbols is made of names and of all, base=, quote=, settle=, kind=, top=N and
    exclude=; `<exchange>:` or `<exchange>.<market>:` in front narrows it to these.

    \b
    Example:
      cryptoflow --config production.yaml produce --symbol BTCUSDT --symbol ETHUSDT
      cryptoflow produce --exchange binance --market usdm --exchange okx --symbols "quote=USDT top=50"
    """
    settings = with_flags(load(), streams, replica_count, replica_index)
    require_broker(settings, "producer")
    from cryptoflow import logs  # noqa: PLC0415 - a quick --help
    from producers import produce  # noqa: PLC0415 - a quick --help

    venues = recorded(settings, exchanges, markets)
    chosen = selections_of(settings, expressions, names)
    logs.setup_logging(settings.log_level)
    with Health(settings) as health:
        run_async(lambda stop: produce(settings, venues, chosen, source, stop, health.tell))


COMMAND = command
