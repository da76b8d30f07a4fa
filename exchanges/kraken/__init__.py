"""Kraken: spot over WebSocket v2 and futures over Derivatives WebSocket v1."""

from exchanges._exchange import Exchange
from exchanges.kraken.futures import FUTURES
from exchanges.kraken.spot import SPOT

EXCHANGE = Exchange("kraken", {"spot": SPOT, "futures": FUTURES})

__all__ = ["EXCHANGE", "FUTURES", "SPOT"]
