"""Which tables one process writes and by which limits, resolved from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from schemas import Record, records


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Say what one table is written from and when its buffer is flushed."""

    record: Record
    topic: str
    flush_bytes: int
    flush_age_s: float
    flush_rows: int


def plans(settings: Settings) -> tuple[TablePlan, ...]:
    """Return the plan of every table switched on. Raises ConfigError for an unknown record kind."""
    known = records()
    unknown = sorted((set(settings.sinks.tables) | set(settings.sinks.kinds)) - set(known))
    if unknown:
        raise ConfigError(
            f"configuring tables: no record kind {', '.join(unknown)}", fix=f"choose from {', '.join(sorted(known))}"
        )
    chosen = settings.sinks.tables or tuple(known)
    return tuple(_plan(settings, known[name]) for name in sorted(set(chosen)))


def _plan(settings: Settings, record: Record) -> TablePlan:
    flush = settings.sinks.flush_of(record.name)
    if flush.flush_bytes is None or flush.flush_age_s is None or flush.flush_rows is None:
        raise ConfigError(f"configuring {record.name}: a flush limit has no value")
    return TablePlan(
        record=record,
        topic=settings.kafka.md_topic(record.topic),
        flush_bytes=flush.flush_bytes,
        flush_age_s=flush.flush_age_s,
        flush_rows=flush.flush_rows,
    )
