"""Which venues there are: every module of this folder that is no helper."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptoflow.errors import ConfigError

if TYPE_CHECKING:
    from cryptoflow.simulator.venues._venue import Venue


_PACKAGE = "cryptoflow.simulator.venues"


@functools.cache
def venues() -> tuple[Venue, ...]:
    """Return all venues, by module name."""
    package = importlib.import_module(_PACKAGE)
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))
    return tuple(importlib.import_module(f"{_PACKAGE}.{name}").VENUE for name in names)


def markets() -> tuple[str, ...]:
    """Return every simulated market as `<exchange>.<market>`."""
    return tuple(f"{venue.exchange}.{market}" for venue in venues() for market in venue.markets)


def chosen(wanted: Sequence[str]) -> tuple[str, ...]:
    """Read a choice: `all`, exchanges and `<exchange>.<market>`. Raises ConfigError for an unknown one."""
    known = markets()
    if not wanted or "all" in wanted:
        return known
    unknown = [name for name in wanted if not any(name in {market, market.partition(".")[0]} for market in known)]
    if unknown:
        raise ConfigError(f"no such market: {', '.join(unknown)}", fix=f"use all or some of {', '.join(known)}")
    return tuple(market for market in known if market in wanted or market.partition(".")[0] in wanted)


def venue_of(market: str) -> Venue:
    """Return the venue of `<exchange>.<market>`. Raises KeyError."""
    exchange, _, name = market.partition(".")
    for venue in venues():
        if venue.exchange == exchange and name in venue.markets:
            return venue
    raise KeyError(market)
