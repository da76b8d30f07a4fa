"""Write what a connection means for the log into the lanes of what it carries: gaps and elections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from exchanges import BOOK_SNAPSHOT, StreamKind
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import SWITCH
from producers._watchdog import StreamInfo
from schemas import GapEvidence, Switch

_DETAIL_MAX_CHARS = 200


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
        self._scoped = {StreamKind.BOOK.value if kind == BOOK_SNAPSHOT else kind for kind in scoped_kinds}

    def gap(self, streams: Iterable[StreamInfo], cause: str, from_ns: int, detail: str) -> None:
        """Write one gap frame per lane these streams touch, naming their kinds there."""
        for symbol, kinds in touched(streams, self._ours()).items():
            self.gap_of(symbol, kinds, cause, from_ns, detail)

    def gap_of(self, symbol: str, kinds: tuple[str, ...], cause: str, from_ns: int, detail: str) -> None:
        """Write one gap frame into one lane."""
        evidence = GapEvidence(cause=cause, streams=kinds, from_ns=from_ns, detail=detail[:_DETAIL_MAX_CHARS])
        self._intake.gap(self._lane_of(symbol), evidence)
        if StreamKind.BOOK.value in kinds:
            self._on_lost(symbol)

    def switch(self, streams: Iterable[StreamInfo], conn: str, since_ns: int) -> None:
        """Elect a connection in every lane it carries, for the kinds that do not hold across connections."""
        if not self._scoped:
            return
        for symbol, kinds in touched(streams, self._ours()).items():
            scoped = tuple(kind for kind in kinds if kind in self._scoped)
            if scoped:
                elected = msgspec.json.encode(Switch(conn=conn, streams=scoped, since_ns=since_ns))
                self._intake.own(self._lane_of(symbol), SWITCH, elected)
