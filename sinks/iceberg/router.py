"""Route records of md topics to the tables fed from them, and find the kinds a record carries."""

from __future__ import annotations

import pyarrow as pa

from schemas import topics
from sinks._sink import MdRecord
from sinks.iceberg.config import TablePlan
from sinks.iceberg.target import Target


class Router:
    """Know the targets of every topic."""

    def __init__(self, plans: tuple[TablePlan, ...]) -> None:
        """Note which topics carry several kinds."""
        self._shared: dict[str, int] = {}
        for plan in plans:
            topic = topics()[plan.record.topic]
            if len(topic.records) > 1:
                self._shared[plan.topic] = topic.schema.get_field_index("kind")
        self._targets: dict[str, list[Target]] = {}

    def add(self, target: Target) -> None:
        """Route a topic to one more table."""
        self._targets.setdefault(target.plan.topic, []).append(target)

    def write(self, record: MdRecord) -> None:
        """Hand a record to every table of its topic; a table without rows in it only moves its position."""
        column = self._shared.get(record.topic)
        kinds = None if column is None else kinds_in(record, column)
        for target in self._targets[record.topic]:
            target.take(record, has_rows=kinds is None or target.plan.record.name in kinds)


def kinds_in(record: MdRecord, column: int) -> frozenset[str]:
    """Return the kinds of a record's rows, decoding nothing but that column."""
    options = pa.ipc.IpcReadOptions(included_fields=[column], use_threads=False)
    with pa.ipc.open_stream(pa.py_buffer(record.value), options=options) as reader:
        return frozenset(reader.read_next_batch().column(0).dictionary.to_pylist())
