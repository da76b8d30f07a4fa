"""Add up the trades of a run in the venue's own units, as the reference of the recordings does."""

from __future__ import annotations

from collections import defaultdict
from decimal import Context, Decimal
from pathlib import Path

from tests.doubles.demo_run import queried

_EXACT = Context(prec=200)


def wire_trades(data_dir: Path, where: str = "true") -> dict[str, dict[str, Decimal]]:
    """Return counts, sums and extremes of the trades of each symbol; a contract's notional is price times size."""
    rows = defaultdict(list)
    for row in queried(data_dir, f"SELECT native_symbol, trade_id, price, size FROM trades WHERE {where}"):
        rows[row["native_symbol"]].append((row["trade_id"], Decimal(row["price"]), Decimal(row["size"])))
    found = {}
    for symbol, trades in rows.items():
        notional = size_sum = Decimal(0)
        for _, price, size in trades:
            notional = _EXACT.add(notional, _EXACT.multiply(price, size))
            size_sum = _EXACT.add(size_sum, size)
        prices = [price for _, price, _ in trades]
        found[symbol] = {
            "rows": Decimal(len(trades)),
            "distinct_ids": Decimal(len({name for name, _, _ in trades})),
            "size_sum": size_sum,
            "notional_sum": notional,
            "high": max(prices),
            "low": min(prices),
        }
    return found
