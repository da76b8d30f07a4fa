"""`cryptoflow produce`: sockets and REST of an exchange to its raw topic."""

from __future__ import annotations

import click

from cryptoflow.commands._stage import Health, require_broker, run_async
from cryptoflow.config import load
from cryptoflow.errors import ConfigError


@click.command()
@click.option("--exchange", default="binance", show_default=True, help="The venue.")
@click.option("--market", "markets", multiple=True, help="A market of it; may be repeated.  [default: all]")
@click.option("--symbol", "symbols", multiple=True, help="A native symbol; may be repeated.  [default: all trading]")
@click.option(
    "--source",
    type=click.Choice(("live", "test", "replay")),
    default="live",
    show_default=True,
    help="Written into every row; only live is allowed in production.",
)
def command(exchange: str, markets: tuple[str, ...], symbols: tuple[str, ...], source: str) -> None:
    r"""Record an exchange: every frame received goes to its raw topic, verbatim, until SIGTERM.

    It reaches the real venue and the configured broker. While the broker is away frames wait in the
    spool on disk; what cannot be kept becomes a gap that names its bounds.

    \b
    Example:
      cryptoflow --config production.yaml produce --symbol BTCUSDT --symbol ETHUSDT
    """
    settings = load()
    require_broker(settings, "producer")
    from cryptoflow import logs, registry  # noqa: PLC0415 - a quick --help
    from producers import produce  # noqa: PLC0415 - a quick --help

    found = registry.load("exchanges", "EXCHANGE")
    if exchange not in found:
        raise ConfigError(f"producing: there is no exchange {exchange}", fix=f"one of {', '.join(found)}")
    logs.setup_logging(settings.log_level)
    names = markets or tuple(found[exchange].markets)
    with Health(settings) as health:
        run_async(lambda stop: produce(settings, found[exchange], names, symbols, source, stop, health.tell))


COMMAND = command
