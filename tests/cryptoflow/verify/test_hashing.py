"""The hash of a table tells tables apart and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from cryptoflow.verify import table_hash

ROWS = [
    {"price": Decimal("1.5"), "at": 1, "name": "x", "flag": True, "levels": [{"price": Decimal(1)}]},
    {"price": Decimal("2.5"), "at": 2, "name": None, "flag": False, "levels": None},
    {"price": None, "at": 3, "name": "", "flag": None, "levels": []},
]
SCHEMA = pa.schema(
    [
        ("price", pa.decimal128(38, 18)),
        ("at", pa.timestamp("us", tz="UTC")),
        ("name", pa.string()),
        ("flag", pa.bool_()),
        ("levels", pa.list_(pa.struct([("price", pa.decimal128(38, 18))]))),
    ]
)


def _hash(rows, schema=SCHEMA, piece=10):
    table = pa.Table.from_pylist(rows, schema=schema)
    return table_hash(lambda _name: table.to_batches(max_chunksize=piece), "any")


def test_order_and_cut_do_not_matter():
    """The same rows in another order, other batches, other column order, or dictionaries hash the same."""
    assert _hash(ROWS) == _hash(ROWS[::-1], piece=1)
    assert _hash(ROWS) == _hash(ROWS, pa.schema(list(SCHEMA)[::-1]))
    coded = SCHEMA.set(2, pa.field("name", pa.dictionary(pa.int32(), pa.string())))
    assert _hash(ROWS) == _hash(ROWS, coded)


@pytest.mark.parametrize(
    ("column", "value"),
    [("price", Decimal("1.500000000000000001")), ("at", 9), ("name", ""), ("flag", None), ("levels", [])],
)
def test_every_value_matters(column, value):
    """One changed value changes the hash; null and empty differ."""
    assert _hash([{**ROWS[0], column: value}, *ROWS[1:]]) != _hash(ROWS)


def test_repeats_matter():
    """A row that stands twice is not the same table."""
    assert _hash([*ROWS, ROWS[0]]) != _hash(ROWS)
    assert _hash(ROWS[:2]) != _hash(ROWS)
