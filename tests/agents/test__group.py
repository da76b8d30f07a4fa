"""A group's entries and rows."""

from __future__ import annotations

import pytest

from agents._group import Group
from tests.doubles.invented_venue import PARSERS


def test_cells_are_per_row_or_per_frame() -> None:
    """A range of entries gives one value per entry or per row, as the column is declared; none if it is unused."""
    group = Group("book", PARSERS["book"], [3, 4, 5])
    group.columns.extend([3, 4, 5], [2, 0, 1], {"last_update_id": [7, 8, 9], "price": ["1", "2", "3"]})
    assert group.rows_of(0, 2) == (0, 2)
    assert group.cells("last_update_id", 0, 2) == [7, 8]
    assert group.cells("price", 1, 3) == ["3"]
    assert group.cells("side", 0, 3) == []


def test_a_group_is_assembled_only_when_built() -> None:
    """Columns that were never cast are a fault, not an empty batch."""
    with pytest.raises(ValueError, match="not built"):
        Group("book", PARSERS["book"]).built()
