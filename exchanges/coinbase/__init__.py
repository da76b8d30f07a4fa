"""Coinbase: Advanced Trade (market `spot`) and the Exchange feed (market `exchange`)."""

from exchanges._exchange import Exchange
from exchanges.coinbase.advanced import SPOT
from exchanges.coinbase.exchange_feed import FEED

EXCHANGE = Exchange("coinbase", {"spot": SPOT, "exchange": FEED})

__all__ = ["EXCHANGE", "FEED", "SPOT"]
