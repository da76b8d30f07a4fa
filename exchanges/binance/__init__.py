"""Binance: spot and USD-M futures."""

from exchanges._exchange import Exchange
from exchanges.binance.spot import SPOT
from exchanges.binance.usdm import USDM

EXCHANGE = Exchange("binance", {"spot": SPOT, "usdm": USDM})

__all__ = ["EXCHANGE", "SPOT", "USDM"]
