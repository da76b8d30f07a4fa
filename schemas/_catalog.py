"""The catalog of records and of the md topics they travel on, found from the package's files."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import pyarrow as pa

from schemas._record import COMMON, KIND, PER_FRAME_COMMON, Record
from schemas._registry import load
from schemas._types import Field


@dataclass(frozen=True)
class Topic:
    """Describe one md topic: the records that share it and the columns of its batches.

    A topic with several records has the union of their columns and a `kind` column; rows of all
    kinds stand in raw order. Derived timestamps are left out.
    """

    name: str
    records: tuple[Record, ...]

    @functools.cached_property
    def fields(self) -> tuple[Field, ...]:
        """List the columns of one batch in wire order."""
        kind = (KIND,) if len(self.records) > 1 else ()
        own = {f.name: f for record in self.records for f in record.fields}
        return tuple(f for f in (*COMMON, *kind, *own.values()) if not f.derived_from)

    @functools.cached_property
    def schema(self) -> pa.Schema:
        """Derive the Arrow schema of one batch."""
        return pa.schema([pa.field(f.name, f.wire_type) for f in self.fields])

    @functools.cached_property
    def per_frame(self) -> frozenset[str]:
        """Name the columns that have one value per frame."""
        return PER_FRAME_COMMON | frozenset().union(*(record.per_frame for record in self.records))


@functools.cache
def records() -> dict[str, Record]:
    """Return every record kind by name. Raises ImportError as the registry does."""
    return load("schemas", "RECORD")


@functools.cache
def topics() -> dict[str, Topic]:
    """Return every md topic by its name without the environment prefix."""
    found: dict[str, list[Record]] = {}
    for record in records().values():
        found.setdefault(record.topic, []).append(record)
    return {name: Topic(name, tuple(sharing)) for name, sharing in found.items()}


def topic_of(record_name: str) -> Topic:
    """Return the topic that carries a record kind. Raises KeyError for an unknown kind."""
    return topics()[records()[record_name].topic]
