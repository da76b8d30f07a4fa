"""`cryptoflow symbols`: add and remove symbols while producers run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import click
import msgspec

from cryptoflow.clock import iso
from cryptoflow.commands._output import DATA_DIR_OPTION, JSON_OPTION, say_error, say_json, say_table
from cryptoflow.commands._running import running_settings
from cryptoflow.commands._venues import EXCHANGE_OPTION, MARKET_OPTION, venues_of

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("names", nargs=-1, required=True, metavar="NAME..."),
    EXCHANGE_OPTION,
    MARKET_OPTION,
    DATA_DIR_OPTION,
    JSON_OPTION,
)


def _names(command: _Command) -> _Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def group() -> None:
    r"""Change what running producers record, without a restart; it holds over restarts, too.

    A symbol added is recorded whatever the configuration chooses, by the replica that owns it; one
    removed is recorded by nobody and ends with a gap of cause `removed`. NAME is native or canonical;
    a name the venue does not list waits until it does: the producers log `SymbolWaiting`, and
    `cryptoflow status` names it.

    \b
    Examples:
      cryptoflow symbols add BTCUSDT ETHUSDT --market usdm
      cryptoflow symbols remove SOL-USDT-SWAP --exchange okx --market swap
      cryptoflow symbols list
    """


@group.command()
@_names
def add(names: Sequence[str], **options: Any) -> None:
    """Record symbols from now on."""
    _order(names, "added", **options)


@group.command()
@_names
def remove(names: Sequence[str], **options: Any) -> None:
    """Record symbols no more."""
    _order(names, "removed", **options)


@group.command()
@_names
def reset(names: Sequence[str], **options: Any) -> None:
    """Take back what was ordered: the configuration decides again."""
    _order(names, None, **options)


@group.command("list")
@DATA_DIR_OPTION
@JSON_OPTION
def list_(data_dir: str | None, as_json: bool) -> None:
    """Show what was ordered, by market; what the configuration chooses is not shown."""
    from producers import symbol_orders  # noqa: PLC0415 - a quick --help

    found = symbol_orders(running_settings(data_dir, "symbols"))
    if as_json:
        say_json(msgspec.to_builtins(found))
    else:
        rows = [(f"{one.exchange}.{one.market}", one.symbol, one.state, iso(one.at_ns)) for one in found]
        say_table(("market", "symbol", "state", "ordered"), rows)


def _order(
    names: Sequence[str],
    state: Literal["added", "removed"] | None,
    *,
    exchanges: Sequence[str],
    markets: Sequence[str],
    data_dir: str | None,
    as_json: bool,
) -> None:
    from cryptoflow import registry  # noqa: PLC0415 - a quick --help
    from producers import order_symbols  # noqa: PLC0415 - a quick --help

    venues = venues_of(registry.load("exchanges", "EXCHANGE"), exchanges, markets)
    settings = running_settings(data_dir, "symbols")
    where = [(venue.exchange.name, market) for venue in venues for market in venue.markets]
    keys = order_symbols(settings, where, names, state)
    if as_json:
        say_json({"state": state or "reset", "keys": keys})
    else:
        say_table(("symbol", "state"), [(key, state or "as configured") for key in keys])
    if state == "added":
        say_error("what a market does not list waits until it does: `cryptoflow status` names it")


COMMAND = group
