"""Numbers and times as Kraken prints them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._kraken import levels_text, size_text, stamp
from cryptoflow.simulator.venues._values import Listing


def model(decimals: int) -> SymbolMarket:
    """Return a market whose sizes have so many decimals."""
    listing = Listing(market="spot", symbol="A/USD", base="A", quote="USD", size_decimals=decimals, price_decimals=1)
    return SymbolMarket(listing, 1, 20)


@pytest.mark.parametrize(
    ("decimals", "units", "text"),
    [
        (8, 9, b"9e-08"),
        (8, 99, b"99e-08"),
        (8, 100, b"0.00000100"),
        (8, 0, b"0.00000000"),
        (3, 1, b"0.001"),
        (0, 5, b"5"),
    ],
)
def test_small_sizes_are_written_as_some_serialisers_do(decimals, units, text):
    """Far below 1 a size comes in scientific notation; its value is the same."""
    assert size_text(model(decimals), units) == text
    assert Decimal(text.decode()) == Decimal(units).scaleb(-decimals)


def test_levels_are_objects_in_the_order_given():
    """Numbers are JSON numbers."""
    assert levels_text(model(8), [(15, 0), (14, 5)]) == b'{"price":1.5,"qty":0.00000000},{"price":1.4,"qty":5e-08}'


def test_times_have_microseconds():
    """RFC 3339, UTC."""
    assert stamp(1_790_000_000_123, 7) == b"2026-09-21T14:13:20.123007Z"
