"""What both of Coinbase's feeds have in common: times as text, invented products, errors."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import Fill, Listing, RestAnswer

HISTORY_MAX_TRADES = 100
_MS_PER_S = 1000


@functools.lru_cache(maxsize=4096)
def _whole(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


@functools.lru_cache(maxsize=65_536)
def time_text(at_ms: int, digits: bytes = b"000") -> bytes:
    """Return a time in RFC 3339 with its milliseconds and further digits of the second."""
    seconds, millis = divmod(at_ms, _MS_PER_S)
    return b"%b.%03d%bZ" % (_whole(seconds).encode(), millis, digits)


def invented(market: str, number: int, rng: random.Random) -> Listing:
    """Invent a product that the venue does not list."""
    base = f"SIM{number:04d}"
    return Listing(
        market=market, symbol=f"{base}-USD", base=base, quote="USD", settle="USD",
        price_decimals=rng.choice((1, 2, 4)), size_decimals=rng.choice((3, 8)), middle=rng.randrange(5_000, 500_000),
    )  # fmt: skip


def sampled(market: str, symbol: str) -> Listing:
    """Define a recorded product whose metadata were not recorded."""
    base, _, quote = symbol.partition("-")
    return Listing(market=market, symbol=symbol, base=base, quote=quote, settle=quote, size_decimals=8)


def step(decimals: int) -> str:
    """Return the smallest step of so many decimals: "0.01"."""
    return f"0.{'1':0>{decimals}}" if decimals else "1"


def singles(fills: Sequence[Fill], model: SymbolMarket, count: int) -> list[tuple[int, bytes, Fill]]:
    """Return the newest single trades of fills, newest first: id, size and fill."""
    found: list[tuple[int, bytes, Fill]] = []
    for fill in reversed(fills):
        found += [(number, model.size(size), fill) for number, size in reversed(fill.parts())]
        if len(found) >= count:
            break
    return found[:count]


def error(status: int, **told: str) -> RestAnswer:
    """Return an error answer."""
    return RestAnswer(status, msgspec.json.encode(told))
