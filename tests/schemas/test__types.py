"""One declaration gives the topic's and the table's column types."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas import Field, Type
from schemas._types import DECIMAL


@pytest.mark.parametrize("kind", Type)
def test_every_type_has_a_table_type_without_floats(kind: Type) -> None:
    """No column of any type holds a float, nested ones included: prices stay exact (P6)."""
    declared = Field(100, "a", kind, "a column")
    assert "float" not in str(declared.table_type)
    assert "double" not in str(declared.table_type)
    assert "halffloat" not in str(declared.wire_type)


@pytest.mark.parametrize("kind", [kind for kind in Type if kind is not Type.SYMBOLIC])
def test_wire_and_table_agree(kind: Type) -> None:
    """All but repeated strings travel as they are stored."""
    declared = Field(100, "a", kind, "a column")
    assert declared.wire_type == declared.table_type


def test_repeated_strings_travel_as_a_dictionary_and_rest_as_strings() -> None:
    """A topic carries an index per row; a table plain strings, which every engine reads."""
    declared = Field(100, "a", Type.SYMBOLIC, "a column")
    assert pa.types.is_dictionary(declared.wire_type)
    assert declared.table_type == pa.string()
    values = pa.array(["x", "y", "x"]).dictionary_encode()
    assert values.type == declared.wire_type
    assert values.cast(declared.table_type).to_pylist() == ["x", "y", "x"]


def test_decimals_keep_eighteen_places_and_refuse_the_nineteenth() -> None:
    """decimal(38,18) holds what exchanges send exactly; more digits are refused, not rounded."""
    exact = "12345678901234567890.123456789012345678"
    assert str(pa.array([exact]).cast(DECIMAL)[0].as_py()) == exact
    with pytest.raises(pa.ArrowInvalid):
        pa.array([f"{exact}9"]).cast(DECIMAL)


def test_timestamps_are_microseconds_in_utc() -> None:
    """Iceberg's timestamptz is microseconds; the exact nanoseconds stand in the integer beside it."""
    assert Field(100, "a", Type.TIMESTAMP, "a column").table_type == pa.timestamp("us", tz="UTC")
