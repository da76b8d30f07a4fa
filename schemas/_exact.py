"""Text to decimal(38,18) without losing a digit: the one cast that prices and sizes go through.

Arrow's own cast refuses what does not fit, with one exception: scaling a text of many integer
digits, or of a large exponent, can overflow 128 bits unnoticed and give another number
("1e30" becomes 18960114910927365649.47…, pyarrow 26.0.1).
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from schemas._types import DECIMAL, DECIMAL_PRECISION, DECIMAL_SCALE

PLAIN_MAX_CHARS = DECIMAL_PRECISION - DECIMAL_SCALE
"""A text this short, without exponent, has too few digits to overflow."""

_WIDE = pa.decimal256(76, DECIMAL_SCALE)
WIDE_MAX_CHARS = 76 - DECIMAL_SCALE - 1
"""A text this short, without exponent, has too few digits to overflow 256 bits."""


def exact_decimals(texts: pa.Array) -> pa.Array:
    """Cast a string array to decimal(38,18), exactly. Raises pyarrow.ArrowInvalid when any does not fit."""
    chars = pc.max(pc.binary_length(texts)).as_py() or 0
    data = texts.buffers()[2]
    written = memoryview(data).tobytes() if data is not None else b""
    scientific = b"e" in written or b"E" in written
    if chars <= PLAIN_MAX_CHARS and not scientific:
        return texts.cast(DECIMAL)
    cast = texts.cast(_WIDE).cast(DECIMAL)
    if scientific or chars > WIDE_MAX_CHARS:
        _compare(texts, cast)
    return cast


def _compare(texts: pa.Array, cast: pa.Array) -> None:
    for text, value in zip(texts.to_pylist(), cast.to_pylist(), strict=True):
        if text is not None and Decimal(text) != value:
            raise pa.ArrowInvalid(f"'{text[:100]}' does not fit decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})")
