"""Sizes in the base asset, and what a trade is worth, from the contract's definition; unknown stays null.

Linear contracts: base size = size x contract value, notional = price x base size, both exact. Inverse
ones: notional = size x contract value, exact, and base size = notional / price, rounded half to even.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from agents._notional import notional
from schemas._types import DECIMAL, DECIMAL_PRECISION, DECIMAL_SCALE

_DIVIDE = decimal.Context(prec=120, rounding=decimal.ROUND_HALF_EVEN)
"""So many digits that rounding to 18 decimals afterwards is the only rounding that shows."""

_QUANTUM = decimal.Decimal(1).scaleb(-DECIMAL_SCALE)
_LIMIT = decimal.Decimal(10) ** (DECIMAL_PRECISION - DECIMAL_SCALE)

Contracts = Callable[[], tuple[pa.Array, pa.Array]]
"""Tells of every row the contract value (null where unknown) and whether the contract is inverse."""


def fill_sizes(columns: dict[str, pa.Array], contracts: Contracts) -> None:
    """Set `base_size` where the venue counts contracts, and `notional` where the record has one and it is null."""
    base = columns["base_size"]
    worth: pa.Array | None = columns.get("notional")
    if base.null_count:
        value, inverse = contracts()
        fillable = pc.and_(pc.is_null(base), pc.is_valid(value))
        counted = notional(columns["size"], value)
        divided = _divide(counted, columns["price"], pc.and_(fillable, inverse))
        base = pc.if_else(fillable, pc.if_else(inverse, divided, counted), base)
        columns["base_size"] = base
        if worth is not None:
            worth = pc.if_else(pc.and_(pc.and_(fillable, inverse), pc.is_null(worth)), counted, worth)
    if worth is None:
        return
    if worth.null_count:
        product = notional(columns["price"], base)
        worth = product if worth.null_count == len(worth) else pc.coalesce(worth, product)
    columns["notional"] = worth


def _divide(worth: pa.Array, price: pa.Array, wanted: pa.Array) -> pa.Array:
    """Divide where wanted; null elsewhere, by zero, and where the quotient does not fit."""
    if not pc.any(wanted).as_py():
        return pa.nulls(len(worth), DECIMAL)
    cells = zip(worth.to_pylist(), price.to_pylist(), wanted.to_pylist(), strict=True)
    return pa.array([_quotient(one, other) if is_wanted else None for one, other, is_wanted in cells], DECIMAL)


def _quotient(worth: decimal.Decimal | None, price: decimal.Decimal | None) -> decimal.Decimal | None:
    if worth is None or not price:
        return None
    found = _DIVIDE.divide(worth, price).quantize(_QUANTUM, context=_DIVIDE)
    return found if abs(found) < _LIMIT else None
