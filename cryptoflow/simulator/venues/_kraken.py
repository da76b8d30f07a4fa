"""What Kraken's markets have in common: numbers and times as they print them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptoflow.simulator.market import SymbolMarket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALL_FROM_DECIMALS = 7
_MS_PER_S = 1000


def size_text(model: SymbolMarket, units: int) -> bytes:
    """Return a size; as some serialisers do, one far below 1 in scientific notation (PROTOCOLS 7.1.6)."""
    decimals = model.listing.size_decimals
    if decimals >= _SMALL_FROM_DECIMALS and 0 < units < 10 ** (decimals - _SMALL_FROM_DECIMALS + 1):
        return b"%de-%02d" % (units, decimals)
    return model.size(units)


def levels_text(model: SymbolMarket, levels: Sequence[tuple[int, int]]) -> bytes:
    """Return levels as `{"price":…,"qty":…}`, in the order given."""
    price = model.price
    return b",".join([b'{"price":%b,"qty":%b}' % (price(ticks), size_text(model, size)) for ticks, size in levels])


@functools.lru_cache(maxsize=1024)
def _second(second: int) -> bytes:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S").encode()


def stamp(at_ms: int, micros: int = 0) -> bytes:
    """Return a time as RFC 3339 with microseconds (PROTOCOLS 1.5)."""
    second, millis = divmod(at_ms, _MS_PER_S)
    return b"%b.%06dZ" % (_second(second), millis * 1000 + micros)
