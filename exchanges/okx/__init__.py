"""OKX v5: spot, perpetual swaps and dated futures."""

from exchanges._exchange import Exchange
from exchanges.okx.markets import make_market

SPOT = make_market("spot")
SWAP = make_market("swap")
FUTURES = make_market("futures")

EXCHANGE = Exchange("okx", {"spot": SPOT, "swap": SWAP, "futures": FUTURES})

__all__ = ["EXCHANGE", "FUTURES", "SPOT", "SWAP", "make_market"]
