"""In: sockets and REST to raw topics. Generic; a venue is an argument."""

from producers._ask import Count, counts, order_count, order_symbols, symbol_orders
from producers._balance import Balance
from producers._choose import Selections, selections
from producers._produce import OnFacts, Recorded, produce
from producers._record import Captured, record

__all__ = [
    "Balance",
    "Captured",
    "Count",
    "OnFacts",
    "Recorded",
    "Selections",
    "counts",
    "order_count",
    "order_symbols",
    "produce",
    "record",
    "selections",
    "symbol_orders",
]
