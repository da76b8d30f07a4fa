"""Options that say what the simulated exchanges send, shared by `demo` and `simulate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--recording",
        "recordings",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Replay a recorded session; may be given several times. Otherwise markets are generated.",
    ),
    click.option(
        "--exchange", "exchanges", multiple=True, help="Generate all markets of an exchange; may be repeated."
    ),
    click.option(
        "--market",
        "markets",
        multiple=True,
        help="Generate a market: `<exchange>.<market>`, or its name alone beside --exchange; may be repeated.",
    ),
    click.option("--markets", "listed", default="", metavar="all|LIST", help="Generate all markets, or those listed."),
    click.option(
        "--symbols",
        type=click.IntRange(1, 5000),
        default=20,
        show_default=True,
        help="Generated symbols of each market.",
    ),
    click.option(
        "--rate",
        type=click.FloatRange(0),
        default=2000,
        show_default=True,
        help="Generated frames per second in all; 0: as fast as they are taken.",
    ),
    click.option("--frames", type=click.IntRange(0), default=0, help="End after so many generated frames."),
    click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="End after so many seconds."),
    click.option("--faults", default="none", show_default=True, metavar="all|none|LIST", help="Faults to inject."),
    click.option("--seed", type=int, default=1, show_default=True, help="The same seed generates the same markets."),
)


def what_is_sent(command: _Command) -> _Command:
    """Add the options that choose recordings or generated markets, their size and their faults."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_markets(exchanges: Sequence[str], markets: Sequence[str], listed: str) -> tuple[str, ...]:
    """Return the `<exchange>.<market>` names that are meant; none when nothing is said.

    A market's name alone is that of every named exchange that has it. Raises ConfigError for one that
    is not simulated.
    """
    from cryptoflow.simulator import venues  # noqa: PLC0415 - a quick --help

    known = venues.markets()
    wanted = [name.strip() for name in listed.split(",") if name.strip()]
    narrowed: set[str] = set()
    for market in markets:
        of = [f"{exchange}.{market}" for exchange in exchanges if f"{exchange}.{market}" in known]
        wanted += of or [market]
        narrowed.update(name.partition(".")[0] for name in of)
    wanted += [exchange for exchange in exchanges if exchange not in narrowed]
    return venues.chosen(wanted) if wanted else ()
