"""Exact price times base size; null where the product does not fit decimal(38,18)."""

from __future__ import annotations

import decimal

import pyarrow as pa
import pyarrow.compute as pc

from schemas._types import DECIMAL, DECIMAL_PRECISION, DECIMAL_SCALE

_WIDE = pa.decimal256(37, DECIMAL_SCALE)
"""The widest factor whose product Arrow can hold: 37 + 37 + 1 digits of at most 76."""

_EXACT = decimal.Context(prec=2 * DECIMAL_PRECISION, traps=[decimal.Inexact, decimal.InvalidOperation])
_QUANTUM = decimal.Decimal(1).scaleb(-DECIMAL_SCALE)
_LIMIT = decimal.Decimal(10) ** (DECIMAL_PRECISION - DECIMAL_SCALE)


def notional(price: pa.Array, base_size: pa.Array) -> pa.Array:
    """Multiply two decimal columns without rounding."""
    try:
        return pc.multiply(price.cast(_WIDE), base_size.cast(_WIDE)).cast(DECIMAL)
    except pa.ArrowInvalid:  # some product does not fit: find which
        pairs = zip(price.to_pylist(), base_size.to_pylist(), strict=True)
        return pa.array([_product(one, other) for one, other in pairs], DECIMAL)


def _product(price: decimal.Decimal | None, size: decimal.Decimal | None) -> decimal.Decimal | None:
    if price is None or size is None:
        return None
    try:
        product = _EXACT.multiply(price, size)
        fitting = _EXACT.quantize(product, _QUANTUM)
    except (decimal.Inexact, decimal.InvalidOperation):
        return None
    return fitting if abs(fitting) < _LIMIT else None
