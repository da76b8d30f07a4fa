"""Coinbase Advanced Trade: products and canonical names, from the product list alone. PROTOCOLS 1.6, 6.2.6."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from exchanges.coinbase.advanced.messages import Product
from schemas import InstrumentDefinition

SPOT = "SPOT"
ONLINE = "online"


class _Products(msgspec.Struct):
    """`{"products":[{…},{…}],"num_products":920}`; each entry stays bytes."""

    products: list[msgspec.Raw]


class _Volume(msgspec.Struct):
    product_id: str
    value: str = msgspec.field(name="approximate_quote_24h_volume", default="")


class _Volumes(msgspec.Struct):
    products: list[_Volume]


_products = msgspec.json.Decoder(_Products)
_product = msgspec.json.Decoder(Product)
_volumes = msgspec.json.Decoder(_Volumes)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every spot product of a page with its own JSON, byte for byte.

    Futures are no products of this market and are left out. Raises ValueError or RecursionError.
    """
    found = []
    for raw in _products.decode(body).products:
        entry = bytes(raw)
        product = _product.decode(entry)
        if product.product_type == SPOT:
            found.append((_definition(product), entry))
    return found


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of the product list. Raises ValueError or RecursionError."""
    product = _product.decode(entry)
    if product.product_type != SPOT:
        raise ValueError(f"reading product {product.product_id}: type {product.product_type!r} is not spot")
    return _definition(product)


def volumes(body: bytes) -> Mapping[str, Decimal]:
    """Return the value traded in 24 h by product; one without trades has none. Raises ValueError or RecursionError."""
    found = {}
    for one in _volumes.decode(body).products:
        try:
            value = Decimal(one.value or "0")
        except InvalidOperation as error:
            raise ValueError(f"reading the volume of {one.product_id}: {one.value!r} is no number") from error
        if not value.is_finite():
            raise ValueError(f"reading the volume of {one.product_id}: {one.value!r} is no number")
        found[one.product_id] = value
    return found


def _definition(product: Product) -> InstrumentDefinition:
    return InstrumentDefinition(
        native_symbol=product.product_id,
        symbol=f"{product.base}-{product.quote}".upper(),
        base=product.base,
        quote=product.quote,
        settle=product.quote,
        kind="spot",
        status=product.status,
        contract_value="1",  # PROTOCOLS 1.7: sizes are in the base asset
        tick_size=product.price_increment or product.quote_increment,
        step_size=product.base_increment,
        is_trading=product.status == ONLINE and not product.trading_disabled and not product.is_disabled,
        # PROTOCOLS 6.2.6: market channels of a `-USDC` product send the `-USD` product's data.
        alias_of=product.alias or None,
    )
