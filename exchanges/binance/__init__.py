"""Binance: USD-M futures."""

from exchanges._exchange import Exchange
from exchanges.binance.usdm import USDM

EXCHANGE = Exchange("binance", {"usdm": USDM})

__all__ = ["EXCHANGE", "USDM"]
