"""The pages of records and topics name everything that flows."""

from __future__ import annotations

from cryptoflow.reference.records import records_page, topics_page
from cryptoflow.registry import load
from schemas import COMMON, records, topics


def test_every_record_and_column_is_described() -> None:
    """A new record or column appears by itself."""
    page = records_page()
    for name, record in records().items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert record.doc in section
        for field in record.fields:
            assert f"| {field.id} | `{field.name}` | {field.type.value} | {field.unit} | {field.doc} |" in section
    common = page.partition("## Common columns")[2].partition("\n## ")[0]
    assert all(f"`{field.name}`" in common for field in COMMON)


def test_every_topic_is_described() -> None:
    """Raw topics come from the venues found, md topics from the records."""
    page = topics_page()
    names = [*(f"raw.{name}" for name in load("exchanges", "EXCHANGE")), *topics(), "state.<role>", "control.reseed"]
    assert all(f"| `{name}` |" in page for name in names)
