"""Keep the books of a run from its tables alone, row by row in the order of the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from tests.doubles.demo_run import queried

Side = dict[Decimal, Decimal]
Best = dict[str, dict[str, list[list[Decimal]]]]
"""Per native symbol the ten best [price, size] of `bids` and `asks`, best first."""

BEST_LEVELS = 10
_LEVELS_SQL = """
    SELECT native_symbol, {whole} AS whole, raw_partition, raw_offset, row_index, conn, frame_no, side, price, size,
           last_update_id
    FROM {table}
"""
_POSITION = itemgetter("raw_partition", "raw_offset", "row_index")
_FRAME = itemgetter("native_symbol", "conn", "frame_no")


def best_of_tables(data_dir: Path, depth: int | None = None, *, by_id: bool = False) -> Best:
    """Return how every book ends; with `depth` each is cut to so many levels after every frame.

    With `by_id` each book has one snapshot, over REST: it stands before all updates of a later id, wherever it was
    received among them, and those of an earlier one are in it already.
    """
    rows = [
        row
        for table, whole in (("book_snapshots", "true"), ("book_deltas", "false"))
        for row in queried(data_dir, _LEVELS_SQL.format(table=table, whole=whole))
    ]
    if by_id:
        stands = {row["native_symbol"]: row["last_update_id"] for row in rows if row["whole"]}
        rows = [row for row in rows if row["whole"] or row["last_update_id"] > stands[row["native_symbol"]]]
    books: dict[str, dict[str, Side]] = defaultdict(lambda: {"bid": {}, "ask": {}})
    for (symbol, _, _), entries in groupby(sorted(rows, key=_first_whole if by_id else _POSITION), _FRAME):
        _apply(books[symbol], list(entries), depth)
    return {
        symbol: {f"{side}s": _ordered(levels, side)[:BEST_LEVELS] for side, levels in book.items()}
        for symbol, book in books.items()
    }


def _first_whole(row: dict[str, Any]) -> tuple[Any, ...]:
    return not row["whole"], *_POSITION(row)


def best_expected(told: Mapping[str, Any]) -> Best:
    """Return the same of the reference."""
    return {
        symbol: {side: [[Decimal(text) for text in level] for level in levels] for side, levels in book.items()}
        for symbol, book in told["final_book_top10"].items()
    }


def _apply(book: dict[str, Side], entries: list[dict[str, Any]], depth: int | None) -> None:
    if entries[0]["whole"]:
        for levels in book.values():
            levels.clear()
    for entry in entries:
        price, size = Decimal(entry["price"]), Decimal(entry["size"])
        if size:
            book[entry["side"]][price] = size
        else:
            book[entry["side"]].pop(price, None)
    for side, levels in book.items():
        for price, _ in _ordered(levels, side)[depth:] if depth else ():
            del levels[price]


def _ordered(levels: Side, side: str) -> list[list[Decimal]]:
    return [list(level) for level in sorted(levels.items(), reverse=side == "bid")]
