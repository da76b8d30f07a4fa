"""The frames of one kind of one market within a call, decoded together into columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

import pyarrow as pa

from exchanges import Parser
from schemas import Columns, topic_of


@dataclass(frozen=True, slots=True)
class Dead:
    """Say why a frame cannot become rows; `column` names the field to blame, where one is."""

    stage: str
    error: str
    message: str
    column: str = ""


@dataclass
class Group:
    """Hold the frames of one kind of one market of one call, in log order.

    An *entry* is a frame's place in this group; `ordinals[entry]` is its number in the call.
    `ids` are the rows' ids as integers where the venue numbers rows, `unlisted` the ids of frames
    that take an id and are no row. What operators drop is collected in `dropped` (entries) and
    `dropped_rows`.
    """

    kind: str
    parser: Parser
    ordinals: list[int] = field(default_factory=list)
    columns: Columns = field(init=False)
    batch: pa.RecordBatch | None = None
    ids: list[int] | None = None
    unlisted: dict[int, int] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    dropped_rows: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start with empty columns."""
        self.columns = Columns(topic_of(self.parser.record))

    @cached_property
    def starts(self) -> Sequence[int]:
        """Return the first row of every entry, and the number of rows last."""
        counts = self.columns.counts
        if self.columns.rows == len(counts) and counts.count(1) == len(counts):
            return range(len(counts) + 1)
        return list(accumulate(counts, initial=0))

    def built(self) -> pa.RecordBatch:
        """Return the batch of the columns. Raises ValueError when they have not been built."""
        if self.batch is None:
            raise ValueError(f"assembling {self.kind}: its columns are not built")
        return self.batch

    def rows_of(self, first: int, last: int) -> tuple[int, int]:
        """Return the row range of entries first (included) to last (excluded)."""
        return self.starts[first], self.starts[last]

    def cells(self, name: str, first: int, last: int) -> list[Any]:
        """Return the values of a column for a range of entries: one per entry or one per row."""
        values = self.columns.values[name]
        if not values:
            return []
        if name not in self.columns.topic.per_frame:
            first, last = self.rows_of(first, last)
        return values[first:last]
