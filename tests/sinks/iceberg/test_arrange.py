"""Sorting and cutting rows: exact, complete, the same whatever the arrival."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from md_log import batch
from pyiceberg.io.pyarrow import schema_to_pyarrow

from cryptoflow.errors import HoleError
from schemas import records
from schemas._iceberg import iceberg_schema
from sinks.iceberg import arrange as module
from sinks.iceberg.arrange import NS_PER_HOUR, Layout, arrange, floor_divide
from sinks.iceberg.writer import encoding


def layout(kind: str) -> Layout:
    """Return the layout of a record kind."""
    record = records()[kind]
    return encoding(record, schema_to_pyarrow(iceberg_schema(record), include_field_ids=True), 3).layout


def with_column(rows: pa.RecordBatch, name: str, values: list[object]) -> pa.RecordBatch:
    """Replace one column."""
    at = rows.schema.get_field_index(name)
    field = rows.schema.field(at)
    array = (
        pa.array(values, pa.string()).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else pa.array(values, field.type)
    )
    return rows.set_column(at, field, array)


@given(st.lists(st.one_of(st.none(), st.integers(-(10**18), 10**18)), max_size=30), st.integers(1, 10**13))
def test_division_rounds_down(values: list[int | None], divisor: int) -> None:
    """Integer division agrees with Python's, below zero too; nulls stay."""
    found = floor_divide(pa.array(values, pa.int64()), divisor).to_pylist()
    assert found == [None if value is None else value // divisor for value in values]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["binance", "kraken"]),
            st.sampled_from(["B", "A", None]),
            st.one_of(st.none(), st.integers(-5, 5)),
            st.integers(-1, 1),
        ),
        min_size=1,
        max_size=40,
    ),
    st.booleans(),
)
def test_rows_are_sorted_cut_and_none_is_lost(
    rows: list[tuple[str, str | None, int | None, int]], packed: bool
) -> None:
    """Every row is in the slice of its hour and exchange, in sort order, ties in log order."""
    made = batch("md.trades", 0, range(len(rows)), 1)
    for number, name in enumerate(("exchange", "symbol", "exchange_ns")):
        made = with_column(made, name, [row[number] for row in rows])
    made = with_column(made, "received_ns", [row[3] * NS_PER_HOUR for row in rows])
    patch = pytest.MonkeyPatch()
    if not packed:
        patch.setattr(module, "_packed", lambda _: None)
    try:
        slices = arrange([made], layout("trades"))
    finally:
        patch.undo()

    def key(place: int) -> tuple[object, ...]:
        exchange, symbol, at, hour = rows[place]
        return hour, exchange, symbol is None, symbol or "", at is None, at or 0, place

    found = [offset for part in slices for offset in part.rows.column("raw_offset").to_pylist()]
    assert found == sorted(range(len(rows)), key=key)
    for part in slices:
        assert set(part.rows.column("exchange").to_pylist()) == {part.exchange}
        assert set(floor_divide(part.rows.column("received_ns").combine_chunks(), NS_PER_HOUR).to_pylist()) == {
            part.hour
        }


def test_times_are_derived_exactly() -> None:
    """A timestamp is its nanoseconds rounded down to microseconds; an absent clock stays absent."""
    made = with_column(batch("md.trades", 0, [1, 2], 1), "exchange_ns", [1_722_000_000_123_456_789, None])
    rows = arrange([made], layout("trades"))[0].rows
    assert rows.column("exchange_at").cast(pa.int64()).to_pylist() == [1_722_000_000_123_456, None]
    assert rows.column("exchange_ns").to_pylist() == [1_722_000_000_123_456_789, None]


def test_only_rows_of_the_kind_are_kept() -> None:
    """On a shared topic each table takes its own rows, and rows of no table go nowhere."""
    made = batch("md.book", 0, [1, 2], 6, kinds=("book_deltas", "book_snapshots", "gap"))
    deltas = arrange([made], layout("book_deltas"))[0].rows
    assert deltas.num_rows == 4
    assert "kind" not in deltas.schema.names
    only_gaps = batch("md.book", 0, [1], 3, kinds=("gap",))
    assert arrange([only_gaps], layout("book_snapshots")) == []


def test_batches_with_different_dictionaries_join() -> None:
    """Each record has a dictionary of its own; the strings come out right."""
    first = with_column(batch("md.trades", 0, [1, 2], 1), "symbol", ["B", "A"])
    second = with_column(batch("md.trades", 0, [3, 4], 1), "symbol", ["C", "B"])
    rows = arrange([first, second], layout("trades"))[0].rows
    assert rows.column("symbol").to_pylist() == ["A", "B", "B", "C"]
    assert rows.column("raw_offset").to_pylist() == [2, 1, 4, 3]


def test_a_required_column_with_nulls_stops() -> None:
    """Such rows are not rows of the kind: they are refused by name, not written."""
    made = with_column(batch("md.trades", 0, [1, 2], 1), "conn", ["c", None])
    with pytest.raises(HoleError, match="no conn"):
        arrange([made], layout("trades"))
