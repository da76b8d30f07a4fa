"""A record that could not become a table is refused when it is declared."""

from __future__ import annotations

import pytest

from schemas import COMMON, Field, Record, Type


def declare(*fields: Field, sort: tuple[str, ...] = ("symbol",), per_frame: frozenset[str] = frozenset()) -> Record:
    """Declare a record with fields of its own."""
    return Record(name="made", topic="md.made", doc="Made.", fields=fields, sort=sort, per_frame=per_frame)


PRICE = Field(100, "price", Type.DECIMAL, "price")


def test_common_columns_come_first() -> None:
    """Every table starts with the same columns, in the same order."""
    record = declare(PRICE)
    assert record.columns == (*COMMON, PRICE)
    assert record.table_schema.names == [*(f.name for f in COMMON), "price"]


def test_required_columns_are_not_nullable() -> None:
    """`required` reaches the Arrow schema."""
    schema = declare(PRICE).table_schema
    assert not schema.field("received_ns").nullable
    assert schema.field("price").nullable


@pytest.mark.parametrize(
    "twin",
    [
        Field(100, "size", Type.DECIMAL, "size"),
        Field(101, "price", Type.DECIMAL, "price"),
        Field(8, "size", Type.DECIMAL, "size"),
        Field(101, "received_ns", Type.LONG, "time"),
    ],
)
def test_a_repeated_id_or_name_is_refused(twin: Field) -> None:
    """Neither an id nor a name is used twice, the common columns included."""
    with pytest.raises(ValueError, match="used twice"):
        declare(PRICE, twin)


def test_sorting_by_an_unknown_column_is_refused() -> None:
    """A file cannot be ordered by what it does not hold."""
    with pytest.raises(ValueError, match="no such field: nothing"):
        declare(PRICE, sort=("nothing",))


def test_an_unknown_per_frame_column_is_refused() -> None:
    """A misspelt per-frame name is not ignored."""
    with pytest.raises(ValueError, match="no such field: prise"):
        declare(PRICE, per_frame=frozenset({"prise"}))


def test_the_identity_columns_are_always_there() -> None:
    """Where a row came from is a required integer in every table."""
    identity = {f.name: f for f in COMMON if f.name in {"raw_partition", "raw_offset", "row_index"}}
    assert len(identity) == 3
    assert all(f.required and f.type in {Type.INT, Type.LONG} for f in identity.values())
