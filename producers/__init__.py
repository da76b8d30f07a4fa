"""In: sockets and REST to raw topics. Generic; a venue is an argument."""

from producers._ask import Count, counts, order_count, order_symbols, symbol_orders
from producers._balance import Balance
from producers._choose import Selections, selections
from producers._produce import OnFacts, Recorded, produce

__all__ = [
    "Balance",
    "Count",
    "OnFacts",
    "Recorded",
    "Selections",
    "counts",
    "order_count",
    "order_symbols",
    "produce",
    "selections",
    "symbol_orders",
]
