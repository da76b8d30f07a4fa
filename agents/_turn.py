"""A turn: one frame of one symbol on its way through the operators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from agents._batch import REQUESTED, SNAPSHOT, Batch, RecordView
from agents._group import Dead, Group
from agents._symbol import Symbol, Terms
from exchanges import BookState, Market
from schemas import GapEvidence, InstrumentDefinition, RawFrame
from schemas._reseed import ReseedRequest


@dataclass(frozen=True, slots=True)
class Hole:
    """State what one frame proves missing from a stream: ids from `from_id` to `to_id` where known.

    `leading` holes lie before the frame's first row, others between rows of the frame. `from_ns` and
    `to_ns` bound a hole that was waited with; 0 elsewhere, where it lies before this frame.
    """

    stream: str
    cause: str
    from_id: int | None = None
    to_id: int | None = None
    leading: bool = True
    detail: str = ""
    from_ns: int = 0
    to_ns: int = 0


@dataclass(slots=True)
class Effects:
    """Collect what operators say besides the columns: rows by topic, counts, requests."""

    rows: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    duplicates: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    checksums: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    passed_over: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    dead: Counter[tuple[str, str]] = field(default_factory=Counter)
    reseeds: list[ReseedRequest] = field(default_factory=list)


@dataclass(slots=True)
class Turn:
    """Show one frame to the operators, and take what they find.

    Operators of a later stage see what earlier ones found: `evidence` (of producers that counts here,
    by stream), `holes`, `late_ids` (missing ids that arrived), `absent_ids` (ranges of missing ids that
    never existed), `fresh` (the frame moved its stream on), `spliced` (the book became valid, or a
    snapshot of its stream came), `begun` (the book begins anew with the levels of this frame), `applied`
    (the levels of this update change a valid book), `broke` (the book is not proven any more), `next_ids`
    (the id expected next, by stream), `chained_from` (the id up to which a new chain may miss some),
    `book` (what continuity of the book rests on), `replaced` (another connection's book is awaited),
    `overlaps` (other connections serve the stream, too), `previous_ns` (when it was heard before) and
    `continues` (it was heard last on this connection), `past` (streams whose evidence is about a time
    after which they were heard), `returned` (streams that another feed brings again than the one that said
    when it does).
    """

    batch: Batch
    symbol: Symbol
    effects: Effects
    partition: int
    view: RecordView
    ordinal: int
    kind: str
    group: Group | None
    entry: int
    dead: Dead | None
    dropped: bool = False
    fresh: bool = False
    spliced: bool = False
    begun: bool = False
    applied: bool = False
    broke: bool = False
    replaced: bool = False
    overlaps: bool = False
    continues: bool = False
    previous_ns: int = 0
    book: BookState | None = None
    chained_from: int | None = None
    message: Any = None
    evidence: dict[str, GapEvidence] = field(default_factory=dict)
    past: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    holes: list[Hole] = field(default_factory=list)
    late_ids: list[int] = field(default_factory=list)
    absent_ids: list[tuple[int, int]] = field(default_factory=list)
    next_ids: dict[str, int] = field(default_factory=dict)

    @property
    def market(self) -> Market | None:
        """Return the market the frame is read as."""
        return self.view.market

    @property
    def stream(self) -> str:
        """Return the stream whose ids the frame has: its kind, but for trades fetched over REST."""
        market = self.market
        parser = market.parsers.get(self.kind) if market else None
        return (parser.stream if parser else "") or self.kind

    @property
    def in_stream(self) -> bool:
        """Tell a book snapshot that came on the book's own stream from one asked for over REST."""
        return self.kind == SNAPSHOT and (self.frame.m is None or REQUESTED not in self.frame.m)

    @property
    def frame(self) -> RawFrame:
        """Return the raw frame."""
        return self.batch.frames[self.ordinal]

    @property
    def position(self) -> str:
        """Return where the frame stands in the log: partition, offset, place within the record."""
        return f"{self.partition}.{self.view.offset}.{self.ordinal - self.view.first}"

    @property
    def received_ns(self) -> int:
        """Return when the frame was received."""
        return self.batch.times[self.ordinal]

    @property
    def payload(self) -> bytes:
        """Return the bytes as received: of the frame, or of a raw record that cannot be decoded."""
        broken = self.batch.broken.get(self.ordinal)
        if broken is not None:
            return broken
        try:
            return self.frame.payload()
        except ValueError:
            return self.frame.raw_b64.encode()

    def cells(self, column: str) -> list[Any]:
        """Return the frame's values of a column; empty for a frame without rows."""
        return self.group.cells(column, self.entry, self.entry + 1) if self.group else []

    def ids(self) -> list[int]:
        """Return the ids of the frame's rows, empty where they have none."""
        if self.group is None or self.group.ids is None:
            return []
        first, last = self.group.rows_of(self.entry, self.entry + 1)
        return self.group.ids[first:last]

    def drop(self) -> None:
        """Drop the frame: none of its rows leave, and later operators do not see it."""
        self.dropped = True
        self.drop_rows_of_frame()

    def drop_rows_of_frame(self) -> None:
        """Drop all rows of the frame."""
        if self.group is not None:
            self.group.dropped.add(self.entry)

    def drop_row(self, row: int) -> None:
        """Drop one row, counted from 0 within the frame."""
        if self.group is not None:
            self.group.dropped_rows.add(self.group.rows_of(self.entry, self.entry + 1)[0] + row)

    def repeated(self, count: int = 1) -> None:
        """Count repeats."""
        self.effects.duplicates[self.symbol.exchange, self.symbol.market_name, self.kind] += count

    def emit(self, topic: str, **values: Any) -> None:
        """Add a row to a topic at this frame's place, before the frame's own rows."""
        self.effects.rows.setdefault(topic, []).append((self.ordinal, values))

    def ask_reseed(self) -> None:
        """Ask the producer for a new book snapshot."""
        symbol, at = self.symbol, self.view.offset
        self.effects.reseeds.append(
            ReseedRequest(symbol.exchange, symbol.market_name, symbol.native, self.received_ns, raw_offset=at)
        )

    def ask_trades(self, from_id: int, to_id: int) -> None:
        """Ask the producer for missing trades, both ends included, where the venue serves them by id."""
        symbol, at = self.symbol, self.view.offset
        if self.market is None or self.market.trade_fill is None:
            return
        names = (symbol.exchange, symbol.market_name, symbol.native)
        request = ReseedRequest(*names, self.received_ns, "trades", from_id, to_id, raw_offset=at)
        self.effects.reseeds.append(request)

    def define(self, definition: InstrumentDefinition) -> None:
        """Take name and terms of the symbol from a definition, from this frame on."""
        symbol, following = self.symbol, range(self.ordinal, self.view.last)
        symbol.canonical = definition.symbol
        self.batch.renamed.update(dict.fromkeys(following, definition.symbol))
        terms = Terms.of(definition)
        if terms != symbol.terms:
            symbol.terms = terms
            self.batch.redefined.update(dict.fromkeys(following, terms))
