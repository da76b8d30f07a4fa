"""Binance: read the traded value of all symbols from the 24 h statistics."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec


class _Statistics(msgspec.Struct, gc=False):
    """`{"symbol":"BTCUSDT","volume":"12000.5","quoteVolume":"720030000.10"}`."""

    symbol: str
    value: str = msgspec.field(name="quoteVolume")


_statistics = msgspec.json.Decoder(list[_Statistics])


def volumes(body: bytes) -> Mapping[str, Decimal]:
    """Return the value traded in 24 h, in quote units, by native symbol. Raises ValueError or RecursionError."""
    try:
        return {one.symbol: Decimal(one.value) for one in _statistics.decode(body)}
    except InvalidOperation as error:
        raise ValueError("reading volumes: a volume is no number") from error
