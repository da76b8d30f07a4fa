"""A run: consecutive plain data frames of one symbol, seen column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents._batch import Batch, RecordView
from agents._group import Group
from exchanges import Market


@dataclass(slots=True)
class Run:
    """Show operators a run of frames that all decoded, of data kinds only.

    `spans` has, per kind, the ranges of entries of the run in the kind's group. `rows` and `checksums`
    are what operators say; they count only when every operator accepts.
    """

    batch: Batch
    views: Sequence[RecordView]
    groups: Mapping[str, Group]
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    rows: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    checksums: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    conns: list[str] = field(init=False)
    """The connection of every frame, in log order."""

    is_of_one: bool = field(init=False)
    """Whether all frames are of one connection, as in nearly every run."""

    def __post_init__(self) -> None:
        """Join the spans of neighbouring records."""
        self.conns = self._slices(self.batch.conns)
        self.is_of_one = self.conns.count(self.conns[0]) == len(self.conns)
        spans = self.spans
        for view in self.views:
            for kind, first, last in view.spans:
                held = spans.get(kind)
                if held is None:
                    spans[kind] = [(first, last)]
                elif held[-1][1] == first:
                    held[-1] = (held[-1][0], last)
                else:
                    held.append((first, last))

    @property
    def market(self) -> Market | None:
        """Return the market the frames are read as."""
        return self.views[0].market

    def emit(self, topic: str, ordinal: int, **values: Any) -> None:
        """Add a row to a topic at a frame of the run; it counts only when every operator accepts."""
        self.rows.append((topic, ordinal, values))

    def identities(self) -> list[int]:
        """Return the number and part of every frame on its connection, in log order."""
        return self._slices(self.batch.identities)

    def last_received_ns(self, kind: str) -> int:
        """Return the receive time of the last frame of a kind in the run."""
        return self.batch.times[self.last_ordinal(kind)]

    def last_payload(self, kind: str) -> bytes:
        """Return the bytes of the last frame of a kind in the run."""
        return self.batch.frames[self.last_ordinal(kind)].payload()

    def first_ordinal(self, kind: str) -> int:
        """Return the ordinal of the first frame of a kind in the run."""
        return self.groups[kind].ordinals[self.spans[kind][0][0]]

    def last_ordinal(self, kind: str) -> int:
        """Return the ordinal of the last frame of a kind in the run."""
        return self.groups[kind].ordinals[self.spans[kind][-1][1] - 1]

    def received_ns(self) -> int:
        """Return the receive time of the last frame of the run."""
        return self.batch.times[self.views[-1].last - 1]

    def ordinals(self, kind: str) -> list[int]:
        """Return the ordinals of the frames of one kind; empty when the run has none."""
        return [one for span in self.spans.get(kind, ()) for one in self.groups[kind].ordinals[slice(*span)]]

    def count(self, kind: str) -> int:
        """Return the number of frames of one kind."""
        return sum(last - first for first, last in self.spans.get(kind, ()))

    def cells(self, kind: str, column: str) -> list[Any]:
        """Return a column of one kind over the run: a value per frame or per row, as the column is."""
        group = self.groups[kind]
        spans = self.spans[kind]
        if len(spans) == 1:
            return group.cells(column, *spans[0])
        return [cell for span in spans for cell in group.cells(column, *span)]

    def ids(self, kind: str) -> list[int] | None:
        """Return the rows' ids of one kind over the run; None where it has none or not all are rows."""
        group = self.groups[kind]
        if group.ids is None or group.unlisted:
            return None
        spans = self.spans[kind]
        ranges = [group.rows_of(*span) for span in spans]
        if len(ranges) == 1:
            return group.ids[ranges[0][0] : ranges[0][1]]
        return [one for first, last in ranges for one in group.ids[first:last]]

    def _slices(self, values: list[Any]) -> list[Any]:
        if len(self.views) == 1:
            return values[self.views[0].first : self.views[0].last]
        return [value for view in self.views for value in values[view.first : view.last]]
