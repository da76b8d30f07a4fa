"""Bybit v5: spot and linear contracts."""

from exchanges._exchange import Exchange
from exchanges.bybit.market import market

SPOT = market("spot")
LINEAR = market("linear")

EXCHANGE = Exchange("bybit", {"spot": SPOT, "linear": LINEAR})

__all__ = ["EXCHANGE", "LINEAR", "SPOT", "market"]
