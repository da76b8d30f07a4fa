"""In: sockets and REST to raw topics. Generic; a venue is an argument."""

from producers._ask import Count, counts, order_count, order_symbols, symbol_orders
from producers._balance import Balance
from producers._choose import Selections, selections
from producers._forecast import Forecast, Opened, Share, Weight
from producers._look import plan
from producers._produce import OnFacts, Recorded, produce
from producers._record import Captured, record
from producers._replica import shard_of

__all__ = [
    "Balance",
    "Captured",
    "Count",
    "Forecast",
    "OnFacts",
    "Opened",
    "Recorded",
    "Selections",
    "Share",
    "Weight",
    "counts",
    "order_count",
    "order_symbols",
    "plan",
    "produce",
    "record",
    "selections",
    "shard_of",
    "symbol_orders",
]
