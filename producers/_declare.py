"""Write what a connection means for the log into the lanes of what it carries: gaps, signs of life, elections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from exchanges import BOOK_SNAPSHOT, StreamKind
from producers._channels import Late
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import ALIVE, SWITCH
from producers._watchdog import StreamInfo
from schemas import Alive, GapEvidence, Switch

_DETAIL_MAX_CHARS = 200
_NOTHING: Mapping[tuple[str, str], int] = {}


def touched(streams: Iterable[StreamInfo], ours: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the kinds of these streams per symbol; a whole market's stream touches every symbol of ours."""
    found: dict[str, dict[str, None]] = {}
    shared: dict[str, None] = {}
    for info in streams:
        kinds = shared if info.is_shared else found.setdefault(info.symbol, {})
        kinds.update(dict.fromkeys(kind.value for kind in info.kinds))
    if shared:
        for symbol in ours:
            found.setdefault(symbol, {}).update(shared)
    return {symbol: tuple(kinds) for symbol, kinds in found.items()}


class Declare:
    """Write gap and switch frames; `on_lost` hears of every book whose chain a gap ends."""

    def __init__(
        self,
        intake: Intake,
        lane_of: Callable[[str], Lane],
        ours: Callable[[], Iterable[str]],
        on_lost: Callable[[str], None],
        scoped_kinds: Iterable[str] = (),
    ) -> None:
        """Take the lanes, the symbols recorded, and the kinds of which one connection counts."""
        self._intake = intake
        self._lane_of = lane_of
        self._ours = ours
        self._on_lost = on_lost
        self.counts_for: Callable[[str, str], bool] = lambda _symbol, _kind: True
        """Tells whether we count for a symbol's kind: who does not gives no sign of life of it."""
        self._scoped = {StreamKind.BOOK.value if kind == BOOK_SNAPSHOT else kind for kind in scoped_kinds}

    def gap(
        self, streams: Iterable[StreamInfo], cause: str, from_ns: int, detail: str, conn: str, to_ns: int = 0
    ) -> None:
        """Write one gap frame per lane these streams touch, naming their kinds there; `to_ns` 0 while it lasts.

        `conn` is the connection that failed them: the frame itself is of a connection of our own. The
        detail names it, whole however long the rest is.
        """
        where = f" (connection {conn})"
        told = detail[: _DETAIL_MAX_CHARS - len(where)] + where
        for symbol, kinds in touched(streams, self._ours()).items():
            self.gap_of(symbol, GapEvidence(cause, kinds, from_ns, to_ns, detail=told))

    def gap_of(self, symbol: str, evidence: GapEvidence) -> None:
        """Write one gap frame into one lane."""
        self._intake.gap(self._lane_of(symbol), evidence)
        if StreamKind.BOOK.value in evidence.streams:
            self._on_lost(symbol)

    def rest_of(self, late: Late, to_ns: int) -> None:
        """Write that a kind was served in part only until `to_ns`, where a gap of it was declared before."""
        self._intake.rest(self._lane_of(late.symbol), late.kind.value, late.since_ns, to_ns)

    def alive(self, idle: Mapping[str, tuple[Sequence[StreamKind], int]]) -> None:
        """Write one sign of life per lane, from the healthy streams and their limit in ns per symbol.

        What is said of the whole market (symbol "") stands in every lane of ours.
        """
        shared, shared_ns = idle.get("", ((), 0))
        for symbol in dict.fromkeys([*idle, *(self._ours() if shared else ())]):
            if symbol:
                kinds, limit_ns = idle.get(symbol, ((), 0))
                named = dict.fromkeys(kind.value for kind in (*kinds, *shared))
                streams = tuple(kind for kind in named if self.counts_for(symbol, kind))
                if streams:
                    alive = Alive(streams=streams, silence_limit_ns=max(limit_ns, shared_ns))
                    self._intake.own(self._lane_of(symbol), ALIVE, msgspec.json.encode(alive))

    def switch(
        self, streams: Iterable[StreamInfo], conn: str, since_ns: int, exact: Mapping[tuple[str, str], int] = _NOTHING
    ) -> None:
        """Elect a connection in every lane it carries, for the kinds that do not hold across connections.

        `exact` has the time by symbol and kind where it is known better than `since_ns`.
        """
        if not self._scoped:
            return
        for symbol, kinds in touched(streams, self._ours()).items():
            by_time: dict[int, list[str]] = {}
            for kind in kinds:
                if kind in self._scoped:
                    by_time.setdefault(exact.get((symbol, kind), since_ns), []).append(kind)
            for own_ns, own in by_time.items():
                elected = msgspec.json.encode(Switch(conn=conn, streams=tuple(own), since_ns=own_ns))
                self._intake.own(self._lane_of(symbol), SWITCH, elected)
