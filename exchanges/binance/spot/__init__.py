"""Binance spot."""

from exchanges.binance.spot.market import market

SPOT = market()

__all__ = ["SPOT", "market"]
