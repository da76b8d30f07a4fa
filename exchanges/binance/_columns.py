"""Binance: the columns that book frames of both markets share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from exchanges.binance._messages import Level


def level_columns(books: Sequence[tuple[Sequence[Level], Sequence[Level]]]) -> dict[str, Iterable[object]]:
    """Flatten (bids, asks) pairs into the four columns of their levels, bids first."""
    levels = list(chain.from_iterable(chain.from_iterable(books)))
    sides: list[str] = []
    ordinals: list[int] = []
    for bids, asks in books:
        sides += ["bid"] * len(bids)
        sides += ["ask"] * len(asks)
        ordinals += range(len(bids))
        ordinals += range(len(asks))
    return {
        "side": sides,
        "price": [level.price for level in levels],
        "size": [level.size for level in levels],
        "level": ordinals,
    }
