"""Advanced Trade: names come from the product list. PROTOCOLS 1.6, 6.2.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from exchanges.coinbase.advanced.symbols import instrument, instruments, volumes

PRODUCT: dict[str, Any] = {
    "product_id": "BTC-USD",
    "product_type": "SPOT",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "status": "online",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
}


def entry(**more: object) -> bytes:
    """Make one product."""
    return msgspec.json.encode({**PRODUCT, **more})


def test_an_alias_is_told_and_keeps_its_name() -> None:
    """A `-USDC` product has its own name and says whose data the venue sends (PROTOCOLS 6.2.6)."""
    found = instrument(entry(product_id="BTC-USDC", quote_currency_id="USDC", alias="BTC-USD"))
    assert (found.symbol, found.native_symbol, found.alias_of) == ("BTC-USDC", "BTC-USDC", "BTC-USD")
    # USDT-USDC and EURC-USDC are exceptions; the list says so, not their spelling.
    assert instrument(entry(product_id="USDT-USDC", quote_currency_id="USDC")).alias_of is None


def test_names_are_never_cut_from_ids() -> None:
    """Base and quote are the venue's fields, whatever the id looks like (PROTOCOLS 1.6)."""
    found = instrument(entry(product_id="X", base_currency_id="1inch", quote_currency_id="Usd"))
    assert (found.native_symbol, found.symbol) == ("X", "1INCH-USD")


@pytest.mark.parametrize(
    "more", [{"status": "delisted"}, {"trading_disabled": True}, {"is_disabled": True}, {"status": ""}]
)
def test_products_that_do_not_trade_say_so(more: dict[str, object]) -> None:
    """Only an online product that nobody switched off has data."""
    assert instrument(entry()).is_trading is True
    assert instrument(entry(**more)).is_trading is False


def test_futures_are_left_out() -> None:
    """A future is no product of this market: it is skipped in a list and refused alone."""
    future = entry(product_id="BIP-20DEC30-CDE", product_type="FUTURE")
    assert [one.native_symbol for one, _ in instruments(b'{"products":[%b,%b]}' % (future, entry()))] == ["BTC-USD"]
    with pytest.raises(ValueError, match="not spot"):
        instrument(future)


def test_the_price_step_is_the_price_increment() -> None:
    """`price_increment` is the tick; older answers only have `quote_increment`."""
    assert instrument(entry(price_increment="0.5")).tick_size == "0.5"
    assert instrument(entry()).tick_size == "0.01"


def test_volumes_are_exact_or_refused() -> None:
    """The traded value is read as text; an empty one is none, a bad one an error."""
    body = b'{"products":[{"product_id":"A","approximate_quote_24h_volume":"%b"}]}'
    assert volumes(body % b"186637571.25") == {"A": Decimal("186637571.25")}
    assert volumes(body % b"") == {"A": Decimal(0)}
    for bad in (b"much", b"NaN", b"Infinity"):
        with pytest.raises(ValueError, match="reading the volume of A"):
            volumes(body % bad)
