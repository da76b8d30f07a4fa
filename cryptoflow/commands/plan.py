"""`cryptoflow plan`: what producers will do, before anything connects."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cryptoflow.commands._output import JSON_OPTION, say_error, say_json, say_table
from cryptoflow.commands._venues import recorded, selections_of, what_is_recorded, with_flags
from cryptoflow.config import load
from cryptoflow.errors import ConfigError

if TYPE_CHECKING:
    from producers import Forecast, Share, Weight

_FEW = 4


@click.command()
@what_is_recorded
@click.option("--replica-count", type=click.IntRange(1, 1024), help="Producers that share the symbols.")
@click.option("--one-address", is_flag=True, help="All replicas leave from one address: they share its limits.")
@click.option(
    "--instruments",
    multiple=True,
    metavar="MARKET=FILE",
    help="Read `<exchange>.<market>` from a file with the body of its REST answer instead of asking; may be repeated.",
)
@JSON_OPTION
def command(
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    expressions: tuple[str, ...],
    names: tuple[str, ...],
    streams: str | None,
    replica_count: int | None,
    one_address: bool,
    instruments: tuple[str, ...],
    as_json: bool,
) -> None:
    r"""Print who would own what, over which connections and addresses, and at what REST weight.

    No socket is opened; the list of instruments comes from REST, or from files. Symbols and replicas
    that were ordered at run time are counted where the broker answers, else it is said that they are
    not; --replica-count plans so many replicas whatever was ordered. A plan that breaks a limit a venue
    publishes is printed and refused with exit code 2.

    \b
    Example:
      cryptoflow plan --exchange binance --market usdm --symbols "quote=USDT top=200" --replica-count 3
    """
    settings = with_flags(load(), streams, replica_count)
    from producers import plan  # noqa: PLC0415 - a quick --help

    venues = recorded(settings, exchanges, markets)
    chosen = selections_of(settings, expressions, names)
    known = [(venue.exchange.name, market) for venue in venues for market in venue.markets]
    bodies = _bodies(instruments, known)
    as_many = replica_count is not None
    found = asyncio.run(plan(settings, venues, chosen, bodies, one_address=one_address, as_many=as_many))
    if as_json:
        say_json(_plain(found))
    else:
        _say(found)
    if found.breaks:
        for text in found.breaks[1:]:
            say_error(f"planning: {text}")
        raise ConfigError(
            f"planning: {found.breaks[0]}", fix="use more addresses or replicas, fewer symbols or a longer period"
        )


def _bodies(given: Sequence[str], known: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[bytes]]:
    """Read the files that stand in for REST answers. Raises ConfigError."""
    bodies: dict[tuple[str, str], list[bytes]] = {}
    for text in given:
        name, _, path = text.partition("=")
        exchange, _, market = name.partition(".")
        if (exchange, market) not in known or not path:
            raise ConfigError(
                f"--instruments {text}: {name} is not planned here",
                fix=f"write one of {', '.join('.'.join(one) for one in known)}, `=` and a file",
            )
        try:
            bodies.setdefault((exchange, market), []).append(Path(path).read_bytes())
        except OSError as error:
            raise ConfigError(f"--instruments {text}: {error.strerror}", fix="name a file that can be read") from error
    return bodies


def _plain(found: Forecast) -> dict[str, object]:
    from producers import shard_of  # noqa: PLC0415 - a quick --help

    def share(one: Share) -> dict[str, object]:
        shards = {symbol: shard_of(one.exchange, one.market, symbol) for symbol in one.symbols}
        weights = [{**asdict(weight), "start_s": weight.start_s} for weight in one.weights]
        return {**asdict(one), "streams": one.streams, "shards": shards, "weights": weights}

    return {"shares": [share(one) for one in found.shares], "breaks": list(found.breaks), "notes": list(found.notes)}


def _say(found: Forecast) -> None:
    say_table(
        ("replica", "market", "symbols", "connections", "streams", "REST at start", "within", "REST later", "allowed"),
        [_share_row(share) for share in found.shares],
    )
    click.echo()
    say_table(
        ("replica", "market", "endpoint", "address", "streams", "of", "requests", "subscribed in", "symbols"),
        [
            (
                share.replica,
                f"{share.exchange}.{share.market}",
                one.endpoint,
                one.address or "any",
                one.streams,
                one.streams_max,
                one.requests,
                f"{one.subscribe_s:g} s",
                _few(one.symbols),
            )
            for share in found.shares
            for one in share.connections
        ],
    )
    if found.notes:
        click.echo()
    for text in found.notes:
        click.echo(text)


def _share_row(share: Share) -> tuple[object, ...]:
    return (
        share.replica,
        f"{share.exchange}.{share.market}",
        len(share.symbols),
        len(share.connections),
        share.streams,
        sum(weight.start for weight in share.weights),
        f"{max((weight.start_s for weight in share.weights), default=0):g} s",
        _later(share.weights),
        "; ".join(dict.fromkeys(f"{weight.budget} in {weight.window_s:g} s" for weight in share.weights)),
    )


def _later(weights: Iterable[Weight]) -> str:
    """Return the most REST weight per window that one address spends once all is running."""
    return f"{max((weight.steady for weight in weights), default=0.0):g}"


def _few(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _FEW} more" if len(symbols) > _FEW else ""
    return (", ".join(symbols[:_FEW]) or "-") + more


COMMAND = command
