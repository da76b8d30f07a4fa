"""Exact numbers, contracts, and frames without ids."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cryptoflow.verify.frames import Contract, content_key, converted, exact, product


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1.50", "1.5"), ("0.000", "0"), ("-0.0", "0"), ("100", "100"), ("1e3", "1000"), ("0.00000001", "0.00000001")],
)
def test_exact(text, plain):
    """Equal decimals have one spelling."""
    assert exact(text) == plain


def test_product():
    """Products are exact beyond any float."""
    assert product("123456789.123456789", "0.000000001") == "0.123456789123456789"


def test_contracts():
    """Linear sizes are multiplied; inverse ones are divided by the price and rounded half-even to 18 decimals."""
    assert converted("3", "2", None) == (None, None)
    assert converted("3", "2", Contract(Decimal("0.01"), inverse=False)) == ("0.02", "0.06")
    assert converted("3", "2", Contract(Decimal(100), inverse=True)) == ("66.666666666666666667", "200")


def test_content():
    """Frames with the same rows are the same, in any order of rows."""
    rows = [("bid", 1), ("ask", 2)]
    assert content_key(rows) == content_key(rows[::-1])
    assert content_key(rows) != content_key(rows[:1])
