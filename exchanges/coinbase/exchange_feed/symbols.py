"""Coinbase Exchange: products and canonical names, from the product list alone. PROTOCOLS 1.6."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation

import msgspec

from exchanges.coinbase.exchange_feed.messages import Product
from schemas import InstrumentDefinition

ONLINE = "online"
_VALUE = Context(prec=60)
"""Precision of volume times price: enough for the product of two 30-digit numbers."""


class _Day(msgspec.Struct):
    volume: str = "0"
    last: str = "0"


class _Stats(msgspec.Struct):
    """`{"stats_24hour":{"open":"59000","high":"61000","low":"58000","last":"60000.1","volume":"2800.5"}}`."""

    day: _Day | None = msgspec.field(name="stats_24hour", default=None)


_products = msgspec.json.Decoder(list[msgspec.Raw])
_product = msgspec.json.Decoder(Product)
_stats = msgspec.json.Decoder(dict[str, _Stats])


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every product of a list with its own JSON, byte for byte. Raises ValueError or RecursionError."""
    return [(instrument(bytes(raw)), bytes(raw)) for raw in _products.decode(body)]


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of the product list. Raises ValueError or RecursionError."""
    product = _product.decode(entry)
    return InstrumentDefinition(
        native_symbol=product.id,
        symbol=f"{product.base}-{product.quote}".upper(),
        base=product.base,
        quote=product.quote,
        settle=product.quote,
        kind="spot",
        status=product.status,
        contract_value="1",  # PROTOCOLS 1.7: sizes are in the base asset
        tick_size=product.quote_increment,
        step_size=product.base_increment,
        is_trading=product.status == ONLINE and not product.trading_disabled,
    )


def volumes(body: bytes) -> Mapping[str, Decimal]:
    """Return volume times last price of 24 h by product. Raises ValueError or RecursionError."""
    return {name: _value(name, stats.day) for name, stats in _stats.decode(body).items() if stats.day}


def _value(name: str, day: _Day) -> Decimal:
    try:
        value = _VALUE.multiply(Decimal(day.volume or "0"), Decimal(day.last or "0"))
    except InvalidOperation as error:
        raise ValueError(f"reading the volume of {name}: {day.volume!r} or {day.last!r} is no number") from error
    if not value.is_finite():
        raise ValueError(f"reading the volume of {name}: {day.volume!r} or {day.last!r} is no number")
    return value
