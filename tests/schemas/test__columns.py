"""Columns while a batch is built."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from schemas import BadCell, Columns, _columns, topic_of
from schemas._columns import VALUE_MAX_CHARS
from schemas._types import Field


def test_per_frame_columns_are_spread_over_rows() -> None:
    """Counts say how many rows a frame has, 0 included; columns left out are null there."""
    columns = Columns(topic_of("book_deltas"))
    columns.extend([4, 5], [2, 0], {"last_update_id": [70, 71], "price": ["1", "2"], "size": ["0", "1"]})
    columns.extend([6], [1], {"price": ["3"], "side": ["bid"]})
    batch, bad = columns.build()
    assert not bad
    assert batch.column("frame").to_pylist() == [4, 4, 6]
    assert batch.column("last_update_id").to_pylist() == [70, 70, None]
    assert batch.column("price").to_pylist() == [Decimal(1), Decimal(2), Decimal(3)]
    assert batch.column("side").to_pylist() == [None, None, "bid"]
    assert batch.column("reason").null_count == 3


def test_an_empty_batch_has_all_columns() -> None:
    """No frames make a batch without rows."""
    batch, bad = Columns(topic_of("trades")).build()
    assert (batch.num_rows, bad) == (0, [])
    assert {"frame", "price", "exchange_ns"} <= set(batch.schema.names)


@pytest.mark.parametrize(
    "text", ["-0", "-0.0", "-1", "NaN", "1e50000000", "", " 1", "1,5", "0." + "1" * 19, "1" * 21, "inf"]
)
def test_a_decimal_that_does_not_fit_is_named_and_null(text: str) -> None:
    """The cell is null, its frame and text are told, all other cells stay exact."""
    columns = Columns(topic_of("quotes"))
    columns.extend([7, 8], [1, 1], {"bid_price": ["1.000000000000000001", text], "ask_price": ["2", "3"]})
    batch, bad = columns.build()
    assert [(cell.frame, cell.column, cell.value) for cell in bad] == [(8, "bid_price", text)]
    assert bad[0].reason
    assert batch.column("bid_price").to_pylist() == [Decimal("1.000000000000000001"), None]
    assert batch.column("ask_price").to_pylist() == [Decimal(2), Decimal(3)]


@pytest.mark.parametrize("text", ["1e5", "1E-18", ".5", "5.", "+1", "00.10", "-0.5"])
def test_a_decimal_is_exact_however_it_is_written(text: str) -> None:
    """A signed column takes what fits, also with an exponent."""
    columns = Columns(topic_of("funding"))
    columns.extend([0], [1], {"funding_rate": [text]})
    batch, bad = columns.build()
    assert not bad
    assert batch.column("funding_rate").to_pylist() == [Decimal(text)]


def test_numbers_and_texts_may_be_ids_side_by_side() -> None:
    """A text column takes integers of 64 bits, with or without null; a larger one is a bad cell."""
    for given, expected in (
        ([5, 6], ["5", "6"]),
        ([None, 5], [None, "5"]),
        (["a", 5, None], ["a", "5", None]),
        ([2**64, 5], [None, "5"]),
    ):
        columns = Columns(topic_of("trades"))
        columns.extend([0], [len(given)], {"trade_id": given})
        batch, bad = columns.build()
        assert batch.column("trade_id").to_pylist() == expected
        assert len(bad) == (2**64 in given)


def test_an_integer_beyond_64_bits_is_a_bad_cell() -> None:
    """It becomes neither a float nor another number."""
    columns = Columns(topic_of("quotes"))
    columns.extend([3, 4], [1, 1], {"update_id": [2**63, 2**63 - 1]})
    batch, bad = columns.build()
    assert batch.column("update_id").to_pylist() == [None, 2**63 - 1]
    assert [(cell.frame, cell.column) for cell in bad] == [(3, "update_id")]


def test_a_bad_cell_costs_few_casts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad price among 4,096 is found by halving, not by casting each of them."""
    casts = 0
    cast = _columns._cast

    def counting(field: Field, values: list[Any]) -> pa.Array:
        nonlocal casts
        casts += 1
        return cast(field, values)

    monkeypatch.setattr(_columns, "_cast", counting)
    columns = Columns(topic_of("trades"))
    prices = ["1.5"] * 4096
    prices[1234] = "x"
    columns.extend(range(4096), [1] * 4096, {"price": prices})
    batch, bad = columns.build()
    assert [(cell.frame, cell.value) for cell in bad] == [(1234, "x")]
    assert batch.column("price").null_count == 1
    assert casts < 40


def test_a_bad_cell_is_told_briefly() -> None:
    """A long value is cut."""
    columns = Columns(topic_of("quotes"))
    columns.extend([0], [1], {"bid_price": ["9" * 5000]})
    (cell,) = columns.build()[1]
    assert isinstance(cell, BadCell)
    assert len(cell.value) == VALUE_MAX_CHARS


def test_a_wrong_length_is_a_fault_of_the_parser() -> None:
    """Rows and columns that do not match raise and are never padded or cut."""
    columns = Columns(topic_of("quotes"))
    columns.extend([0], [1], {"bid_price": ["1", "2"]})
    with pytest.raises(ValueError, match="bid_price has 2 values for 1 places"):
        columns.build()


def test_an_unknown_column_is_refused() -> None:
    """A parser cannot invent a column."""
    with pytest.raises(KeyError):
        Columns(topic_of("quotes")).extend([0], [1], {"colour": ["red"]})
