"""Exact products."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from agents._notional import notional
from schemas._types import DECIMAL


def product(*pairs: tuple[str | None, str | None]) -> list[Decimal | None]:
    """Multiply pairs of texts."""
    columns = [pa.array([pair[place] for pair in pairs], pa.string()).cast(DECIMAL) for place in (0, 1)]
    found: list[Decimal | None] = notional(*columns).to_pylist()
    return found


def test_products_are_exact() -> None:
    """All digits of a product that fits are kept."""
    assert product(("61685.99", "0.123"), ("0.000000001", "0.000000001")) == [Decimal("7587.37677"), Decimal("1e-18")]


def test_a_product_that_does_not_fit_is_null_and_spoils_no_other() -> None:
    """Too many decimals or digits: null, never rounded; a missing factor: null."""
    assert product(
        ("1.5", "2"),
        ("0.0000000001", "0.0000000001"),
        ("99999999999999999999", "99999999999999999999"),
        ("99999999999999999999", "1"),
        ("50000000000", "2000000000"),
        (None, "1"),
        ("1", None),
    ) == [Decimal(3), None, None, Decimal(99999999999999999999), None, None, None]
