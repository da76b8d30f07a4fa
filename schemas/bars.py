"""One OHLCV bar of an interval."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="bars",
    topic="md.bars",
    doc="One OHLCV bar of an interval.",
    fields=(
        Field(100, "interval_ns", Type.LONG, "length of the bar", "ns"),
        Field(101, "open_ns", Type.LONG, "start of the bar", "ns"),
        Field(102, "revision", Type.INT, "0 first, higher replaces"),
        Field(103, "complete", Type.BOOL, "false if a gap touches the bar"),
        Field(104, "open", Type.DECIMAL, "first price", "quote per base"),
        Field(105, "high", Type.DECIMAL, "highest price", "quote per base"),
        Field(106, "low", Type.DECIMAL, "lowest price", "quote per base"),
        Field(107, "close", Type.DECIMAL, "last price", "quote per base"),
        Field(108, "volume", Type.DECIMAL, "volume", "base"),
        Field(109, "notional", Type.DECIMAL, "turnover", "quote"),
        Field(110, "vwap", Type.DECIMAL, "volume-weighted average price", "quote per base"),
        Field(111, "trades", Type.LONG, "number of fills"),
        Field(112, "buy_volume", Type.DECIMAL, "volume of taker buys", "base"),
    ),
)
