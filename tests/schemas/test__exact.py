"""Text becomes the same number or is refused; nothing wraps, nothing is rounded."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import _exact
from schemas._exact import exact_decimals
from schemas._types import DECIMAL


def cast(*texts: str | None) -> list[Decimal | None]:
    """Cast texts and return the decimals."""
    array = exact_decimals(pa.array(texts, pa.string()))
    assert array.type == DECIMAL
    values: list[Decimal | None] = array.to_pylist()
    return values


@pytest.mark.parametrize(
    "text",
    ["1e30", "1e38", "9" * 39, "601111111111111111111111111111110.2", "6" + "0" * 24, "1e50000000", "9" * 200, "1e20"],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    """Large numbers are refused however they are written, also those Arrow's own cast would wrap."""
    with pytest.raises(pa.ArrowInvalid):
        cast("1", text)


@pytest.mark.parametrize("text", ["0.0000000000000000001", "1e-19", "123.4567890123456789012"])
def test_nothing_is_rounded(text: str) -> None:
    """A digit beyond 18 decimals is refused."""
    with pytest.raises(pa.ArrowInvalid):
        cast(text)


@pytest.mark.parametrize("text", ["", " 1", "1_000", "NaN", "Infinity", "0x10", "1,5", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Only digits, one point, a sign and an exponent are a number."""
    with pytest.raises(pa.ArrowInvalid):
        cast(text)


def test_every_way_gives_the_same_number() -> None:
    """Short, long, very long and scientific texts, alone and together, keep their value; null stays null."""
    texts = ["60000.10", "99999999999999999999.999999999999999999", "0" * 100 + "1.5", "15e-1", "-2.5E3", None]
    wanted = [None if text is None else Decimal(text) for text in texts]
    assert cast(*texts) == wanted
    assert [cast(text)[0] for text in texts] == wanted
    assert cast() == []


def test_a_slice_is_cast_as_itself() -> None:
    """Values outside a slice decide nothing about it."""
    texts = pa.array(["1e30", "2", "x"], pa.string())
    assert exact_decimals(texts.slice(1, 1)).to_pylist() == [Decimal(2)]


numbers = st.from_regex(r"-?[0-9]{1,70}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@settings(max_examples=500, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=3))
@example(["601111111111111111111111111111110.2"])
def test_a_number_is_itself_or_refused(texts: list[str]) -> None:
    """Whatever is accepted equals the text; what fits and is written plainly is accepted."""
    try:
        values = cast(*texts)
    except pa.ArrowInvalid:
        # Twenty characters hold at most twenty digits before the point or eighteen behind it.
        assert not all(len(text) <= _exact.PLAIN_MAX_CHARS and "e" not in text.lower() for text in texts)
        return
    assert values == [Decimal(text) for text in texts]
