"""Wire types that both Binance markets share. Payload examples are invented."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct, field
from msgspec.json import Decoder

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""An id of the venue; bounded so that it and the one after it fit a column; never the -1 that means absent."""

Millis = Annotated[int, Meta(ge=0, le=9_223_372_036_854)]
"""Milliseconds since the epoch; bounded so that their nanoseconds fit an int64."""

NS_PER_MS = 1_000_000


class Level(Struct, gc=False, array_like=True, forbid_unknown_fields=True):
    """Hold one level, `["60000.0","4.1"]`; a size of 0 deletes it (PROTOCOLS 2.5.7, 3.4.7).

    A struct and not a tuple: it decodes twice as fast and the collector never walks it.
    """

    price: str
    size: str


class Filter(Struct, gc=False):
    """Hold one trading rule of a symbol; only PRICE_FILTER and LOT_SIZE are read (PROTOCOLS 1.6).

    `{"filterType":"PRICE_FILTER","minPrice":"0.10","maxPrice":"1000000","tickSize":"0.10"}`
    """

    filter_type: str = field(name="filterType")
    tick_size: str | None = field(name="tickSize", default=None)
    step_size: str | None = field(name="stepSize", default=None)


class ExchangeInfo(Struct):
    """Hold the entries of exchangeInfo as bytes (PROTOCOLS 1.6): `{"timezone":"UTC","symbols":[{…},{…}]}`."""

    symbols: list[Raw]


def steps(filters: list[Filter]) -> tuple[str | None, str | None]:
    """Return the price and the size step of a symbol, None where it has no such rule."""
    tick = next((one.tick_size for one in filters if one.filter_type == "PRICE_FILTER"), None)
    return tick, next((one.step_size for one in filters if one.filter_type == "LOT_SIZE"), None)


exchange_info = Decoder(ExchangeInfo)
