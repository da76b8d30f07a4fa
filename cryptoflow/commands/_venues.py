"""Options that say what is recorded, shared by the commands that do and that plan it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError

if TYPE_CHECKING:
    from exchanges import Exchange
    from producers import Recorded, Selections

_Command = TypeVar("_Command", bound=Callable[..., Any])
DEFAULT_EXCHANGES = ("binance",)

EXCHANGE_OPTION = click.option(
    "--exchange", "exchanges", multiple=True, help="A venue; may be repeated.  [default: binance]"
)
MARKET_OPTION = click.option(
    "--market",
    "markets",
    multiple=True,
    help="A market, of every named venue that has it, or `<exchange>.<market>`; may be repeated.  [default: all]",
)

_OPTIONS = (
    EXCHANGE_OPTION,
    MARKET_OPTION,
    click.option(
        "--symbols",
        "expressions",
        multiple=True,
        help='An expression such as "quote=USDT kind=perpetual top=50"; may be repeated.  [default: all trading]',
    ),
    click.option("--symbol", "names", multiple=True, help="One name, native or canonical; may be repeated."),
    click.option(
        "--streams",
        help="Stream kinds to record: trades, quotes, book, funding, liquidations, with commas.  [default: all]",
    ),
)


def what_is_recorded(command: _Command) -> _Command:
    """Add the options that choose venues, markets, symbols and streams to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def recorded(settings: Settings, exchanges: Sequence[str], markets: Sequence[str]) -> list[Recorded]:
    """Return the venues and markets that are named, as configured; no setting names a place that does not exist.

    Raises ConfigError.
    """
    from cryptoflow import registry  # noqa: PLC0415 - a quick --help
    from cryptoflow.dialects import as_configured  # noqa: PLC0415 - a quick --help

    found = as_configured(registry.load("exchanges", "EXCHANGE"), settings)
    check_places(settings, found)
    return venues_of(found, exchanges, markets)


def venues_of(found: Mapping[str, Exchange], exchanges: Sequence[str], markets: Sequence[str]) -> list[Recorded]:
    """Return the venues and markets that are named. Raises ConfigError for one that does not exist.

    A market is that of every named venue that has it; a venue of which no market is named is recorded whole.
    """
    from producers import Recorded  # noqa: PLC0415 - a quick --help

    names = tuple(dict.fromkeys(exchanges)) or DEFAULT_EXCHANGES
    for name in names:
        if name not in found:
            raise ConfigError(f"producing: there is no exchange {name}", fix=f"one of {', '.join(found)}")
    known = {f"{name}.{market}": (name, market) for name in names for market in found[name].markets}
    chosen: dict[str, list[str]] = {name: [] for name in names}
    for market in markets:
        meant = [pair for key, pair in known.items() if market in {key, pair[1]}]
        if not meant:
            raise ConfigError(
                f"producing: {' and '.join(names)} has no market {market}", fix=f"one of {', '.join(known)}"
            )
        for name, one in meant:
            chosen[name].append(one)
    return [Recorded(found[name], tuple(dict.fromkeys(chosen[name])) or tuple(found[name].markets)) for name in names]


def check_places(settings: Settings, found: Mapping[str, Exchange]) -> None:
    """Raise ConfigError for a setting of an exchange or market that does not exist: nobody would ever read it."""
    own = settings.producer
    markets = [f"{exchange}.{market}" for exchange in found for market in found[exchange].markets]
    for setting, what, places, known in (
        ("channels", "market", {key: key for key in own.channels}, markets),
        (
            "connections_per_stream",
            "exchange or market",
            {key: key for key in own.connections_per_stream},
            [*found, *markets],
        ),
        ("endpoints", "market of", {key: key.rpartition(".")[0] for key in own.endpoints}, markets),
    ):
        for key, place in places.items():
            if place not in known:
                raise ConfigError(f"producer.{setting}: there is no {what} {key}", fix=f"one of {', '.join(known)}")


def selections_of(settings: Settings, expressions: Sequence[str], names: Sequence[str]) -> Selections:
    """Return what the command line asks for, else what the configuration does. Raises ConfigError."""
    from producers import selections  # noqa: PLC0415 - a quick --help

    return selections([*expressions, *names] or settings.producer.symbols)


def kinds_of(streams: str) -> tuple[str, ...]:
    """Return the stream kinds of a list with commas. Raises ConfigError for one that is none."""
    from exchanges import StreamKind  # noqa: PLC0415 - a quick --help

    found = tuple(dict.fromkeys(kind.strip() for kind in streams.split(",")))
    unknown = [kind for kind in found if kind not in list(StreamKind)]
    if unknown:
        raise ConfigError(f"--streams: {unknown[0]} is no stream kind", fix=f"one of {', '.join(StreamKind)}")
    return found


def with_flags(settings: Settings, streams: str | None, count: int | None = None, index: int | None = None) -> Settings:
    """Return the settings with what the command line says. Raises ConfigError for an unknown stream kind."""
    changes: dict[str, Any] = {}
    if streams:
        changes["streams"] = kinds_of(streams)
    if count is not None:
        changes["replica_count"] = count
    if index is not None:
        changes |= {"replica_index": index, "replica_from": "setting"}
    return settings.model_copy(update={"producer": settings.producer.model_copy(update=changes)})
