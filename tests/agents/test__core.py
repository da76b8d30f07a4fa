"""The composed core on records of an invented venue."""

from __future__ import annotations

from decimal import Decimal

from tests.doubles.raw_frames import Log, core, quote, rows, trade


def test_rows_carry_where_they_came_from() -> None:
    """Every row has the names, times, connection and position of its frame; row_index counts per record."""
    log = Log()
    log.add(log.frame("trades", trade(5, 6)), log.frame("quotes", quote(1)), log.frame("trades", trade(7)))
    log.put("trades", trade(8), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id", "conn", "frame_no", "raw_partition", "raw_offset", "row_index") == [
        ("5", "a", 0, 3, 0, 0),
        ("6", "a", 0, 3, 0, 1),
        ("7", "a", 2, 3, 0, 2),
        ("8", "b", 0, 3, 1, 0),
    ]
    first = rows(outputs, "md.trades")[0]
    assert (first["exchange"], first["market"], first["symbol"], first["native_symbol"]) == (
        "invented",
        "m",
        "AB",
        "AB",
    )
    assert (first["source"], first["exchange_ns"], first["received_ns"]) == ("test", 7, 1_001_000_000)
    assert (first["price"], first["notional"]) == (Decimal("1.5"), Decimal(3))
    assert outputs.frames == 4
