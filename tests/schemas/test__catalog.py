"""Records and md topics are found from the files of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

import schemas
from schemas import records, topic_of, topics


def test_every_file_of_the_package_is_a_record() -> None:
    """One public file, one record of that name: none is forgotten, none comes from elsewhere."""
    files = {path.stem for path in Path(schemas.__file__).parent.glob("[a-z]*.py")}
    assert set(records()) == files


def test_every_record_travels_on_one_topic() -> None:
    """Each record is listed by exactly the topic it names."""
    carried = {record.name: topic.name for topic in topics().values() for record in topic.records}
    assert carried == {name: record.topic for name, record in records().items()}


def test_the_topic_of_a_record_is_found_by_its_name() -> None:
    """Deltas and venue snapshots of a book share a topic, so that their order is kept."""
    assert topic_of("book_deltas") is topic_of("book_snapshots")
    assert topic_of("book_deltas").name == "md.book"
    with pytest.raises(KeyError):
        topic_of("nothing")


def test_a_shared_topic_says_which_kind_each_row_is() -> None:
    """Only topics that carry several records have the column `kind`."""
    for topic in topics().values():
        assert ("kind" in topic.schema.names) == (len(topic.records) > 1)


def test_a_topic_carries_every_column_that_is_not_derived() -> None:
    """The wire has the union of its records' columns once each, without computed timestamps."""
    for topic in topics().values():
        wanted = {f.name for record in topic.records for f in record.columns if not f.derived_from}
        assert set(topic.schema.names) - {"kind"} == wanted
        assert len(topic.schema.names) == len(set(topic.schema.names))
        assert topic.per_frame <= set(topic.schema.names) | {"kind"}


def test_records_on_one_topic_agree_on_shared_columns() -> None:
    """A column that two records share has one type, so that one batch holds both."""
    for topic in topics().values():
        seen: dict[str, object] = {}
        for record in topic.records:
            for field in record.fields:
                assert seen.setdefault(field.name, field.type) == field.type, (topic.name, field.name)
