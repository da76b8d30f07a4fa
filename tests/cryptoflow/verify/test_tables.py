"""Reading tables into rows."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from cryptoflow.verify.tables import columns_of, read_found, values
from cryptoflow.verify.venues._reader import KEYS, VALUES
from schemas import records


def test_columns_exist():
    """Every column compared is a column of its table."""
    for table in (*KEYS, "gaps", "dead_letters"):
        assert set(columns_of(table)) <= {column.name for column in records()[table].columns}
    assert KEYS.keys() == VALUES.keys()


def test_values():
    """Decimals have one spelling, dictionaries are read through, nulls stay."""
    decimals = pa.array([Decimal("1.50"), None, Decimal(0)], pa.decimal128(38, 18))
    assert values(decimals) == ["1.5", None, "0"]
    assert values(pa.array(["a", None, "a"]).dictionary_encode()) == ["a", None, "a"]
    assert values(pa.array([1, None])) == [1, None]


def test_found(session):
    """Rows are counted by symbol and key with the first time they were received."""
    session.play(300)
    found = read_found(session.read, "book_deltas")
    rows = session.rows["book_deltas"]
    first = rows[0]
    held = found.books["binance.usdm", first["native_symbol"]][first["last_update_id"]]
    same = [row for row in rows if row["received_ns"] == first["received_ns"]]
    assert found.rows == len(rows)
    assert (held[0], held[2]) == (len(same), first["received_ns"])
