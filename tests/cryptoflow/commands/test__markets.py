"""Which markets are meant by the options."""

from __future__ import annotations

import pytest

from cryptoflow.commands._markets import chosen_markets
from cryptoflow.errors import ConfigError
from cryptoflow.simulator.venues import markets


@pytest.mark.parametrize(
    ("exchanges", "named", "listed", "meant"),
    [
        ((), (), "", ()),
        (("binance",), (), "", ("binance.spot", "binance.usdm")),
        (("binance",), ("usdm",), "", ("binance.usdm",)),
        ((), ("binance.usdm",), "", ("binance.usdm",)),
        ((), (), "binance.spot, binance.usdm", ("binance.spot", "binance.usdm")),
        ((), (), "all", markets()),
    ],
)
def test_names(exchanges: tuple[str, ...], named: tuple[str, ...], listed: str, meant: tuple[str, ...]) -> None:
    """An exchange, a market of it, whole names, a list, all; nothing said means nothing chosen."""
    assert chosen_markets(exchanges, named, listed) == meant


def test_a_market_that_is_not_simulated_is_one_line() -> None:
    """Its name is told, and those there are."""
    with pytest.raises(ConfigError, match="no such market: options"):
        chosen_markets(("binance",), ("options",), "")
