"""Frames that producers make themselves: gaps, alive and switch marks, definitions, control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agents._batch import ABSENT_FROM, ABSENT_TO
from agents._flatten import UNREADABLE, why_unreadable
from agents._group import Dead
from exchanges import Market, StreamKind
from exchanges._exchange import CONTROL
from schemas import Alive, Columns, GapEvidence, InstrumentDefinition, Switch, topic_of

GAP = "gap"
ALIVE = "alive"
SWITCH = "switch"
INSTRUMENT = "instrument"
STREAMS = frozenset(kind.value for kind in StreamKind)


_gap = msgspec.json.Decoder(GapEvidence)
_alive = msgspec.json.Decoder(Alive)
_switch = msgspec.json.Decoder(Switch)
TIME_MAX_NS = 2**63 - 1


def read_message(kind: str, payload: bytes, market: Market | None) -> tuple[Any, Dead | None]:
    """Decode a frame that is no venue data: (message, None), or (None, why it is dead)."""
    try:
        return _read(kind, payload, market)
    except UNREADABLE as error:
        return None, why_unreadable("frame", error)


def _read(kind: str, payload: bytes, market: Market | None) -> tuple[Any, Dead | None]:
    if kind == GAP:
        return _checked(_gap.decode(payload)), None
    if kind == ALIVE:
        alive = _alive.decode(payload)
        _in_range(alive.silence_limit_ns)
        return alive, None
    if kind == SWITCH:
        return _switch.decode(payload), None
    if market is not None:
        if kind == INSTRUMENT:
            definition = market.instrument(payload)
            return definition, _misfit(definition)
        if kind == CONTROL:
            return None, _why_unroutable(payload, market)
    return None, Dead("route", "unknown_kind", f"frame kind {kind[:40]!r} is not known")


@dataclass(frozen=True, slots=True)
class Absent:
    """Say that ids never existed, both ends included."""

    from_id: int
    to_id: int


def read_absent(meta: Mapping[str, str | int] | None) -> tuple[Absent | None, Dead | None]:
    """Read the ids that a backfill frame says never existed: (them, None), or (None, why it is dead)."""
    first, last = (meta or {}).get(ABSENT_FROM), (meta or {}).get(ABSENT_TO)
    if isinstance(first, int) and isinstance(last, int) and 0 <= first <= last <= TIME_MAX_NS:
        return Absent(first, last), None
    return None, Dead("frame", "bad_absent", f"not a range of ids: {first!r:.40} to {last!r:.40}")


def _checked(evidence: GapEvidence) -> GapEvidence:
    unknown = set(evidence.streams) - STREAMS
    if unknown or not evidence.streams:
        raise ValueError(f"reading gap evidence: streams {sorted(evidence.streams)!r:.100} are not all known")
    for bound in (evidence.from_ns, evidence.to_ns, evidence.frames_missing + 1):
        _in_range(bound)
    return evidence


def instrument_row(definition: InstrumentDefinition, payload: bytes) -> dict[str, Any]:
    """Return the columns of a definition's row."""
    return {
        "base": definition.base,
        "quote": definition.quote,
        "settle": definition.settle,
        "instrument_kind": definition.kind,
        "contract_value": definition.contract_value,
        "tick_size": definition.tick_size,
        "step_size": definition.step_size,
        "status": definition.status,
        "expires_ns": definition.expires_ns,
        "definition": payload.decode("utf-8", "replace"),
    }


def _misfit(definition: InstrumentDefinition) -> Dead | None:
    """Find a number of a definition that does not fit its column."""
    columns = Columns(topic_of("instruments"))
    columns.extend([0], [1], {name: [cell] for name, cell in instrument_row(definition, b"").items()})
    _, bad = columns.build()
    return Dead("cell", "bad_cell", f"{bad[0].reason}: {bad[0].value}", bad[0].column) if bad else None


def _in_range(value: int) -> None:
    if not 0 <= value <= TIME_MAX_NS:
        raise ValueError(f"reading a frame: {str(value)[:40]} is out of range")


def _why_unroutable(payload: bytes, market: Market) -> Dead | None:
    """Accept answers and notices; a frame that the producer could not route is dead."""
    if market.ack(payload) is not None or market.is_reconnect_notice(payload):
        return None
    try:
        routed = market.route(payload)
    except UNREADABLE as error:
        return why_unreadable("route", error)
    return (
        None if routed.kind == CONTROL else Dead("route", "misplaced", f"a frame of kind {routed.kind} is not control")
    )
