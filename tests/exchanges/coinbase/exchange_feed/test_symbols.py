"""Coinbase Exchange: names come from the product list. PROTOCOLS 1.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from exchanges.coinbase.exchange_feed.symbols import instrument, instruments, volumes

PRODUCT: dict[str, Any] = {
    "id": "BTC-USD",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "quote_increment": "0.01",
    "base_increment": "0.00000001",
    "status": "online",
}


def entry(**more: object) -> bytes:
    """Make one product."""
    return msgspec.json.encode({**PRODUCT, **more})


def test_names_are_never_cut_from_ids() -> None:
    """Base and quote are the venue's fields, whatever the id looks like (PROTOCOLS 1.6)."""
    found = instrument(entry(id="X", base_currency="1inch"))
    assert (found.native_symbol, found.symbol, found.tick_size, found.step_size) == (
        "X",
        "1INCH-USD",
        "0.01",
        "0.00000001",
    )
    assert instruments(b"[%b]" % entry()) == [(instrument(entry()), entry())]


@pytest.mark.parametrize("more", [{"status": "delisted"}, {"status": "offline"}, {"trading_disabled": True}])
def test_products_that_do_not_trade_say_so(more: dict[str, object]) -> None:
    """Only an online product that nobody switched off has data."""
    assert instrument(entry()).is_trading is True
    assert instrument(entry(**more)).is_trading is False


def test_volumes_are_exact_or_refused() -> None:
    """Volume times last price is exact; a product without figures has none, a bad one is an error."""
    body = b'{"A":{"stats_24hour":{"volume":"%b","last":"60000.1"}},"B":{"stats_30day":{"volume":"1"}}}'
    assert volumes(body % b"2801.54321098") == {"A": Decimal("168092872.813121098")}
    assert volumes(body % b"0.00000001") == {"A": Decimal("0.000600001")}
    for bad in (b"much", b"NaN", b"Infinity"):
        with pytest.raises(ValueError, match="reading the volume of A"):
            volumes(body % bad)
