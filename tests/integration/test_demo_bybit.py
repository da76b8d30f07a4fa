"""Bybit through simulator, producer, broker, worker and tables: the recorded session, and markets full of faults."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.demo_run import (
    IMPATIENT,
    TRADES_SQL,
    demo,
    expected_of,
    faults_done,
    name_of,
    queried,
    sessions,
    trades_expected,
    verified,
)

pytestmark = pytest.mark.stack
SYMBOLS, FRAMES, RATE = 3, 15_000, 1500
FAULTS = ("gap", "duplicate", "disconnect", "silence", "ack_silent", "garbage")
"""Those a venue with books in the stream can have."""

NAMED_TRADES_SQL = TRADES_SQL.replace("native_symbol", "market || ':' || native_symbol AS native_symbol", 1).replace(
    "GROUP BY native_symbol", "GROUP BY market, trades.native_symbol"
)
"""A symbol of two markets is two symbols."""
BOOKS_SQL = """
    SELECT 'book_delta ' || market || ':' || native_symbol AS name, count(*) AS rows,
           count(DISTINCT last_update_id) AS ids
    FROM book_deltas GROUP BY ALL
    UNION ALL
    SELECT 'book_snapshot ' || market || ':' || native_symbol AS name, count(*) AS rows,
           count(DISTINCT last_update_id) AS ids
    FROM book_snapshots GROUP BY ALL
"""
BEST_SQL = """
    WITH levels AS (
        SELECT market || ':' || native_symbol AS name, side, price, size, frame_no FROM book_snapshots
        UNION ALL
        SELECT market || ':' || native_symbol AS name, side, price, size, frame_no FROM book_deltas
    ), newest AS (
        SELECT name, side, price, if(side = 'bid', -price, price) AS place, arg_max(size, frame_no) AS size
        FROM levels GROUP BY ALL
    )
    SELECT name, side, price, size FROM newest WHERE size > 0
    QUALIFY row_number() OVER (PARTITION BY name, side ORDER BY place) <= 10
    ORDER BY name, side, place
"""
"""Books as the rows of one connection each leave them."""


def best(data_dir: Path) -> dict[str, dict[str, list[list[Decimal]]]]:
    """Return the ten best levels of every book."""
    found: dict[str, dict[str, list[list[Decimal]]]] = {}
    for row in queried(data_dir, BEST_SQL):
        sides = found.setdefault(row["name"], {"bids": [], "asks": []})
        sides[f"{row['side']}s"].append([Decimal(row["price"]), Decimal(row["size"])])
    return found


def numbers(told: dict[str, Any]) -> dict[str, dict[str, list[list[Decimal]]]]:
    """Return the books of the reference as decimals."""
    return {
        name: {side: [[Decimal(part) for part in level] for level in levels] for side, levels in book.items()}
        for name, book in told["final_book_top10"].items()
    }


@pytest.mark.parametrize("path", sessions("bybit_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Frames, level rows, ids, exact sums and the books they leave are those of the reference, without a gap."""
    told = expected_of(path)
    found = demo(tmp_path, "--recording", path)
    frames = found["frames"]
    # Tickers of spot are not subscribed: they have nothing that is a row (PROTOCOLS 4.4).
    wanted = sum(count for name, count in told["frames"].items() if not name.startswith("ticker spot:"))
    assert frames["sent"] == frames["received"] == frames["published"] == wanted
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    books = queried(tmp_path, BOOKS_SQL)
    assert {row["name"]: row["rows"] for row in books} == told["level_rows"]
    assert all(row["ids"] == told["frames"][row["name"]] for row in books)
    trades = {
        row.pop("native_symbol"): {column: Decimal(value) for column, value in row.items()}
        for row in queried(tmp_path, NAMED_TRADES_SQL)
    }
    assert trades == trades_expected(told)
    assert best(tmp_path) == numbers(told)


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Both markets, all kinds and faults: nothing is lost, doubled, altered or undeclared."""
    market = ("--market", "bybit.linear", "--market", "bybit.spot", "--symbols", str(SYMBOLS), "--frames", str(FRAMES))
    found = demo(tmp_path, *market, "--rate", str(RATE), "--faults", ",".join(FAULTS), **IMPATIENT)
    assert faults_done(tmp_path).keys() == set(FAULTS)
    assert found["frames"]["received"] == found["frames"]["published"]
    assert min(found["rows"][name] for name in ("quotes", "funding", "liquidations", "gaps", "dead_letters")) > 0
    report = verified(tmp_path)
    assert report["frames"] >= FRAMES
    assert (report["lost"], report["duplicated"], report["altered"]) == (0, 0, 0)
