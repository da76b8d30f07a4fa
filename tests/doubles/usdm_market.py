"""One generated symbol of Binance USD-M, told by its voice."""

from __future__ import annotations

from collections.abc import Sequence

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import Listing
from cryptoflow.simulator.venues.binance_usdm import VENUE


def usdm_market(symbol: str, seed: int, channels: Sequence[str], levels: int = 20) -> SymbolMarket:
    """Return a market whose streams are `<symbol>@<channel>`."""
    base = symbol.removesuffix("USDT")
    listing = Listing(market="usdm", symbol=symbol, base=base, quote="USDT", price_decimals=2, middle=100_000)
    model = SymbolMarket(listing, seed, levels)
    keys = frozenset(VENUE.key("usdm", f"{symbol.lower()}@{channel}") for channel in channels)
    model.voice = VENUE.voice(model, keys)
    return model
