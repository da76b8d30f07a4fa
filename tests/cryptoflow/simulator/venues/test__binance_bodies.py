"""Pieces both markets of Binance share."""

from __future__ import annotations

import json

from cryptoflow.simulator.venues._binance_bodies import pairs, volumes
from tests.doubles.usdm_market import usdm_market


def test_levels_are_pairs_of_texts() -> None:
    """Prices and sizes have all their decimals."""
    assert json.loads(b"[" + pairs(usdm_market("AUSDT", 1, ()), [(100_000, 5), (99_999, 0)]) + b"]") == [
        ["1000.00", "0.005"],
        ["999.99", "0.000"],
    ]


def test_the_first_symbols_are_the_busiest() -> None:
    """Volumes fall along the list."""
    listings = [usdm_market(name, 1, ()).listing for name in ("AUSDT", "BUSDT")]
    first, second = json.loads(volumes(listings))
    assert (first["symbol"], second["symbol"]) == ("AUSDT", "BUSDT")
    assert float(first["quoteVolume"]) > float(second["quoteVolume"])
