"""Traded values are read exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exchanges.binance._volumes import volumes


def test_the_value_traded_is_in_quote_units() -> None:
    """`quoteVolume` counts, not `volume`."""
    body = b'[{"symbol":"AB","volume":"3","quoteVolume":"0.100000000000000000001"}]'
    assert volumes(body) == {"AB": Decimal("0.100000000000000000001")}


@pytest.mark.parametrize("body", [b"{}", b'[{"symbol":"AB"}]', b'[{"symbol":"AB","quoteVolume":"many"}]', b"["])
def test_what_is_no_volume_is_refused(body: bytes) -> None:
    """A missing or broken number is an error, not zero."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's or ours
        volumes(body)
