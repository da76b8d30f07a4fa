"""What frames must become, in the plainest words: keys, rows and exact numbers."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

_EXACT = Context(prec=200)
_SCALE = Decimal(1).scaleb(-18)

Row = tuple[Hashable, ...]


class Expected(NamedTuple):
    """Hold what a frame, or one entry of it, must become: table, symbol, the key of its rows, the rows, its ids.

    `key` is None where the venue sends no id: the rows themselves then tell the frame. `first` and `last`
    are the ids the frame covers, where ids prove that none is missing.
    """

    table: str
    symbol: str
    key: Hashable
    rows: list[Row]
    first: int = 0
    last: int = 0


class Contract(NamedTuple):
    """Hold what one unit of a venue's size is: in base, or in quote when `inverse`."""

    value: Decimal
    inverse: bool


@functools.lru_cache(maxsize=500_000)
def exact(text: str) -> str:
    """Return a decimal's one spelling: no exponent, no trailing zeros."""
    plain = format(Decimal(text), "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain


def product(left: str, right: str) -> str:
    """Return the exact product of two decimals in that spelling."""
    return exact(str(_EXACT.multiply(Decimal(left), Decimal(right))))


def converted(price: str, size: str, contract: Contract | None) -> tuple[str | None, str | None]:
    """Return base size and notional of a size in contracts; None for both where the contract is not known."""
    if contract is None:
        return None, None
    worth = _EXACT.multiply(Decimal(size), contract.value)
    if not contract.inverse:
        return exact(str(worth)), exact(str(_EXACT.multiply(Decimal(price), worth)))
    base = _EXACT.divide(worth, Decimal(price)).quantize(_SCALE, ROUND_HALF_EVEN, _EXACT)
    return exact(str(base)), exact(str(worth))


def content_key(rows: Sequence[Row]) -> Hashable:
    """Return what tells a frame without ids: how many rows, and the sum of their hashes."""
    return len(rows), sum(map(hash, rows))


STREAM_OF_TABLE = {
    "trades": "trades",
    "quotes": "quotes",
    "book_deltas": "book",
    "book_snapshots": "book",
    "funding": "funding",
    "liquidations": "liquidations",
}
