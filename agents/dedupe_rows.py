"""Drop rows that were taken already, by the identity the venue gives them (PROTOCOLS 1.4).

Contiguous ids keep the intervals still missing below the highest, so a late or backfilled id is
accepted once, and are no hole while another connection may bring them; ids that only rise, and
identities without order, keep a bounded ring. Books are judged by `sequence`.
"""

from __future__ import annotations

from itertools import islice
from operator import lt

import msgspec

from agents._batch import SNAPSHOT
from agents._flatten import BOOK_KINDS, NO_ID
from agents._group import Group
from agents._messages import Absent
from agents._operator import Operator
from agents._run import Run
from agents._turn import Hole, Turn
from agents.follow_connections import LATE_WAIT_NS
from exchanges import BACKFILL, Parser, StreamKind

MISSING_MAX_INTERVALS = 256
"""Intervals of missing ids kept per stream; the lowest goes first, and ids in it then count as repeats."""

TRADES = StreamKind.TRADES.value


AWAITED_MAX_INTERVALS = 64
"""Intervals per stream that another connection may bring; the first of more is missing at once."""


class Awaited(msgspec.Struct):
    """Hold an interval of ids that one connection jumped over between two receive times."""

    first: int
    last: int
    from_ns: int
    to_ns: int


class Seen(msgspec.Struct):
    """Remember the ids of one stream: the highest, the intervals missing below it, the newest."""

    high: int = NO_ID
    missing: list[tuple[int, int]] = []
    recent: list[int] = []
    awaited: list[Awaited] = []


class RowsSeen(msgspec.Struct):
    """Remember the ids of every stream of a symbol that has them."""

    streams: dict[str, Seen] = {}


def _step(state: RowsSeen, turn: Turn) -> None:
    for stream, held in state.streams.items():
        if stream in turn.evidence and held.high != NO_ID and _contiguous(turn, stream):
            if stream in turn.past and not held.awaited:
                del turn.evidence[stream]  # no id is missing but those that have a gap of their own
            else:
                turn.next_ids[stream] = held.high + 1
        _give_up(held, turn, stream)
    if isinstance(turn.message, Absent):
        _absent(state.streams.get(turn.stream), turn, turn.message)
    group = turn.group
    if group is None or turn.dead is not None or group.kind in BOOK_KINDS:
        return
    if group.ids is None:
        turn.fresh = True
        return
    seen = state.streams.setdefault(turn.stream, Seen())
    if group.parser.contiguous and turn.kind == BACKFILL:
        _filled(seen, turn)
        return
    if group.parser.contiguous:
        _numbered(seen, turn, group)
        return
    turn.fresh = True
    if group.parser.ordered and not group.parser.composite_id:
        _rising(seen, turn, group.parser.recent_max_ids)
    else:
        _unordered(seen, turn, twins=bool(group.parser.composite_id))
    del seen.recent[: -group.parser.recent_max_ids]


def _contiguous(turn: Turn, stream: str) -> bool:
    market = turn.market
    parser: Parser | None = market.parsers.get(stream) if market else None
    return parser is not None and parser.contiguous


def _numbered(seen: Seen, turn: Turn, group: Group) -> None:
    rows: list[tuple[int, int]] = [(one, row) for row, one in enumerate(turn.ids())]
    if turn.entry in group.unlisted:
        rows.append((group.unlisted[turn.entry], NO_ID))
    for one, row in sorted(rows):  # some venues send the newest first
        if one > seen.high:
            if seen.high == NO_ID:
                # Ids before the first one seen are unknown, not a gap: they are taken once if they come.
                seen.missing = [(0, one - 1)] if one else []
            elif one > seen.high + 1:
                _jumped(seen, turn, one)
            seen.high = one
            turn.fresh = True
        elif _fill(seen, one):
            turn.late_ids.append(one)
        elif row != NO_ID:
            turn.drop_row(row)
            turn.repeated()


def _jumped(seen: Seen, turn: Turn, one: int) -> None:
    """Note the ids jumped over: missing, or awaited from the other connections of the stream."""
    first, last = seen.high + 1, one - 1
    seen.missing.append((first, last))
    del seen.missing[:-MISSING_MAX_INTERVALS]
    if turn.overlaps and len(seen.awaited) < AWAITED_MAX_INTERVALS:
        seen.awaited.append(Awaited(first, last, turn.previous_ns, turn.received_ns))
        return
    _missing(turn, Hole(turn.kind, "sequence", first, last, leading=not turn.fresh))


def _missing(turn: Turn, hole: Hole) -> None:
    turn.holes.append(hole)
    if hole.stream == TRADES and hole.from_id is not None and hole.to_id is not None:
        turn.ask_trades(hole.from_id, hole.to_id)


def _give_up(seen: Seen, turn: Turn, stream: str) -> None:
    """Declare what no connection has brought in time."""
    while seen.awaited and turn.received_ns - seen.awaited[0].to_ns > LATE_WAIT_NS:
        one = seen.awaited.pop(0)
        for low, high in seen.missing:
            first, last = max(low, one.first), min(high, one.last)
            if first <= last:
                hole = Hole(stream, "sequence", first, last, leading=False, from_ns=one.from_ns, to_ns=one.to_ns)
                _missing(turn, hole)


def _filled(seen: Seen, turn: Turn) -> None:
    """Take trades that were fetched: the missing ones once each, and none above the highest, which is not missing.

    Those the stream itself will bring, or the gap before its next id will ask for.
    """
    for row, one in enumerate(turn.ids()):
        if _fill(seen, one):
            turn.late_ids.append(one)
        else:
            turn.drop_row(row)
            turn.repeated()


def _absent(seen: Seen | None, turn: Turn, absent: Absent) -> None:
    """Take ids that never existed out of the missing intervals."""
    if seen is None or seen.high == NO_ID:
        return
    left: list[tuple[int, int]] = []
    for low, high in seen.missing:
        first, last = max(low, absent.from_id), min(high, absent.to_id)
        if first > last:
            left.append((low, high))
            continue
        turn.absent_ids.append((first, last))
        left += [(low, first - 1)] if first > low else []
        left += [(last + 1, high)] if last < high else []
    seen.missing = left[-MISSING_MAX_INTERVALS:]
    if absent.from_id <= seen.high + 1 <= absent.to_id:
        seen.high = absent.to_id


def _fill(seen: Seen, one: int) -> bool:
    """Take an id out of the missing intervals; False when it is not missing."""
    for place in range(len(seen.missing) - 1, -1, -1):
        low, high = seen.missing[place]
        if one > high:
            return False
        if one >= low:
            rest = [(low, one - 1)] if one > low else []
            rest += [(one + 1, high)] if one < high else []
            seen.missing[place : place + 1] = rest
            del seen.missing[:-MISSING_MAX_INTERVALS]
            return True
    return False


def _rising(seen: Seen, turn: Turn, recent_max_ids: int) -> None:
    """Take ids that only rise; one below all that are remembered was delivered long ago."""
    for row, one in enumerate(turn.ids()):
        if one <= seen.high:
            recent = seen.recent
            if one in recent or (len(recent) >= recent_max_ids and one < min(recent)):
                turn.drop_row(row)
                turn.repeated()
                continue
        seen.high = max(seen.high, one)
        seen.recent.append(one)
        del seen.recent[:-recent_max_ids]


def _unordered(seen: Seen, turn: Turn, *, twins: bool) -> None:
    before = set(seen.recent)
    for row, one in enumerate(turn.ids()):
        if one == NO_ID:
            continue
        if one in before:
            turn.drop_row(row)
            turn.repeated()
            continue
        if not twins:
            before.add(one)
        seen.recent.append(one)


def _quiet(state: RowsSeen, run: Run) -> RowsSeen | None:
    moved: dict[str, Seen] = {}
    for kind in run.spans:
        group = run.groups[kind]
        if group.ids is None or kind == SNAPSHOT:
            continue
        ids = run.ids(kind)
        if ids is None:
            return None
        if not ids:
            continue
        seen = _quiet_ids(state.streams.get(kind) or Seen(), ids, group.parser)
        if seen is None:
            return None
        moved[kind] = seen
    return RowsSeen({**state.streams, **moved}) if moved else state


def _quiet_ids(seen: Seen, ids: list[int], parser: Parser) -> Seen | None:
    if parser.contiguous:
        after = seen.high + 1
        if seen.high == NO_ID or ids[-1] != seen.high + len(ids) or ids != list(range(after, after + len(ids))):
            return None
        return None if seen.awaited else Seen(ids[-1], seen.missing, seen.recent)
    if parser.ordered and not parser.composite_id:
        if ids[0] <= seen.high or not all(map(lt, ids, islice(ids, 1, None))):
            return None
        return Seen(ids[-1], seen.missing, (seen.recent + ids)[-parser.recent_max_ids :])
    known = set(ids)
    if len(known) < len(ids) or NO_ID in known or not known.isdisjoint(seen.recent):
        return None
    return Seen(seen.high, seen.missing, (seen.recent + ids)[-parser.recent_max_ids :])


OPERATOR = Operator("dedupe_rows", 40, RowsSeen, _step, _quiet)
