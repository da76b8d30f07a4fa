"""Which venues there are, and how they are chosen."""

from __future__ import annotations

import pytest

from cryptoflow.errors import ConfigError
from cryptoflow.simulator.venues import chosen, markets, venue_of, venues


def test_every_venue_is_found_by_its_module() -> None:
    """Each has a path of its own, and each market has one venue."""
    prefixes = [venue.prefix for venue in venues()]
    assert len(set(prefixes)) == len(prefixes)
    assert all(venue_of(market).exchange == market.partition(".")[0] for market in markets())
    assert len(set(markets())) == len(markets())
    with pytest.raises(KeyError):
        venue_of("nowhere.spot")


def test_markets_are_chosen_by_name() -> None:
    """All, an exchange, a market; an unknown one is refused in one line that names those there are."""
    assert chosen(()) == chosen(("all",)) == markets()
    assert chosen(("binance.usdm",)) == ("binance.usdm",)
    assert set(chosen(("binance",))) == {market for market in markets() if market.startswith("binance.")}
    with pytest.raises(ConfigError, match=r"no such market: nowhere"):
        chosen(("nowhere",))
