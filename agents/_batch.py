"""The frames of one call, flattened: frame-level lists, record views and groups to decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents._group import Dead, Group
from exchanges import BACKFILL, BOOK_SNAPSHOT, Market
from schemas import RawFrame, RawRecord

if TYPE_CHECKING:
    from agents._symbol import Symbol, Terms

SNAPSHOT = BOOK_SNAPSHOT
"""Kind of the frames that carry a book snapshot, of the book's own stream or asked for over REST."""

REQUESTED = "requested_ns"
"""Key of a frame's `m` that only snapshots asked for over REST have."""

ABSENT_FROM, ABSENT_TO = "absent_from", "absent_to"
"""Keys of a backfill frame's `m`: the ids between, both included, that the venue says never existed."""

ENVELOPE = "envelope"
"""Kind of the one frame that stands for a raw record that cannot be decoded."""

PART_BITS = 20
"""A frame's identity on its connection is its number and part in one integer; parts have 20 bits."""


def is_absent(frame: RawFrame) -> bool:
    """Tell a backfill frame that says which ids never existed; it has no body to read."""
    return frame.k == BACKFILL and frame.m is not None and ABSENT_FROM in frame.m


class RecordView:
    """Show one raw record of a call: its symbol, its frames' ordinals and their entries by kind.

    `market` is the symbol's market in the dialect of the time at which the record's first frame was received.
    """

    __slots__ = ("canonical", "first", "last", "market", "offset", "plain", "source", "spans", "symbol", "terms")

    def __init__(self, symbol: Symbol, market: Market | None, offset: int, source: str, first: int, last: int) -> None:
        """Begin without spans; `plain` says that all frames are readable and of data kinds."""
        self.symbol = symbol
        self.market = market
        self.offset = offset
        self.source = source
        self.first = first
        self.last = last
        self.canonical = symbol.canonical
        self.terms = symbol.terms
        self.plain = True
        self.spans: list[tuple[str, int, int]] = []


class Batch:
    """Hold all frames of one call; a frame's place in the lists is its *ordinal*."""

    def __init__(self) -> None:
        """Start empty."""
        self.frames: list[RawFrame] = []
        self.views: list[RecordView] = []
        self.groups: dict[tuple[str, str, int], dict[str, Group]] = {}
        self.dead: dict[int, Dead] = {}
        self.broken: dict[int, bytes] = {}
        self.conns: list[str] = []
        self.identities: list[int] = []
        self.times: list[int] = []
        self.renamed: dict[int, str] = {}
        self.redefined: dict[int, Terms] = {}

    def add(self, symbol: Symbol, offset: int, record: RawRecord) -> None:
        """Append a decoded record of a symbol."""
        frames = record.frames
        first = len(self.frames)
        self.frames += frames
        market = symbol.market
        if market is not None and market.earlier and frames:
            market = market.at(frames[0].t)
        view = RecordView(symbol, market, offset, record.source, first, first + len(frames))
        self.views.append(view)
        view.plain = bool(frames)
        groups = self.groups_of(view)
        before = [(group, len(group.ordinals)) for group in groups.values()]
        fresh: list[Group] = []
        for ordinal, frame in enumerate(frames, first):
            if frame.k == BACKFILL:
                view.plain = False
                if is_absent(frame):
                    continue
            group = groups.get(frame.k)
            if group is None:
                parser = market.parsers.get(frame.k) if market else None
                if parser is None:
                    view.plain = False
                    continue
                group = groups[frame.k] = Group(frame.k, parser)
                fresh.append(group)
            group.ordinals.append(ordinal)
        for group, start in (*before, *((group, 0) for group in fresh)):
            stop = len(group.ordinals)
            if stop > start:
                view.spans.append((group.kind, start, stop))
                if group.kind == SNAPSHOT:
                    view.plain = False

    def add_broken(self, symbol: Symbol, offset: int, value: bytes, why: Dead) -> None:
        """Append a record that cannot be decoded: one frame without identity stands for it."""
        ordinal = len(self.frames)
        self.frames.append(RawFrame(c="", n=-1, t=0, k=ENVELOPE))
        view = RecordView(symbol, symbol.market, offset, "", ordinal, ordinal + 1)
        view.plain = False
        self.views.append(view)
        self.dead[ordinal] = why
        self.broken[ordinal] = value

    def groups_of(self, view: RecordView) -> dict[str, Group]:
        """Return the groups of a record's market, in its dialect, by kind."""
        return self.groups.setdefault((view.symbol.exchange, view.symbol.market_name, id(view.market)), {})

    def all_groups(self) -> list[Group]:
        """Return every group of the call."""
        return [group for groups in self.groups.values() for group in groups.values()]

    def index(self) -> None:
        """Make the frame-level lists; called once when all records are in."""
        self.conns = [frame.c for frame in self.frames]
        self.identities = [(frame.n << PART_BITS) + frame.p for frame in self.frames]
        self.times = [frame.t for frame in self.frames]
