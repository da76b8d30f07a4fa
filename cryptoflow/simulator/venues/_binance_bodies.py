"""Pieces of bodies that both markets of Binance write alike."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import Listing


def volumes(listings: Sequence[Listing]) -> bytes:
    """Return invented volumes of a day: the first symbols are the busiest."""
    rows = [
        {"symbol": listing.symbol, "volume": "1000.0", "quoteVolume": f"{1_000_000_000 // place}.50"}
        for place, listing in enumerate(listings, 1)
    ]
    return msgspec.json.encode(rows)


def pairs(model: SymbolMarket, levels: Sequence[tuple[int, int]]) -> bytes:
    """Return levels as `["price","size"]` pairs."""
    price, size = model.price, model.size
    return b",".join([b'["%b","%b"]' % (price(ticks), size(units)) for ticks, units in levels])
