"""Which table gets a record of a shared topic."""

from __future__ import annotations

from md_log import MdLog

from schemas import topics
from sinks.iceberg.router import kinds_in

COLUMN = topics()["md.book"].schema.get_field_index("kind")


def test_the_kinds_of_a_record_are_read_without_its_rows() -> None:
    """Only the kinds that occur are named."""
    for kinds in (("book_deltas",), ("book_deltas", "gap"), ("book_snapshots",)):
        record = MdLog("md.book", kinds=kinds).append(0, [1, 2], rows_each=4)
        assert kinds_in(record, COLUMN) == set(kinds)
