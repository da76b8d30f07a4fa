"""The composed core: raw records of one partition in, rows and new state out (DESIGN 5, the law).

Pure: no clock, no Kafka, no randomness. Frames are decoded together over the whole call; then the
operators walk each symbol's frames in log order. A run of frames with nothing to say is accepted
whole (`Operator.quiet`); everything else goes frame by frame (`Operator.step`). Both give the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from agents._assemble import ROWS_MAX, MdOutput, assemble
from agents._batch import ENVELOPE, Batch, RecordView, is_absent
from agents._flatten import flatten, why_unreadable
from agents._group import Dead, Group
from agents._lost import with_hole
from agents._messages import read_absent, read_message
from agents._operator import Operator
from agents._run import Run
from agents._symbol import Symbol, encode_state, fresh_parts, operators, restore_state
from agents._turn import Effects, Turn
from agents.declare_gaps import Gaps
from agents.dedupe_frames import FramesSeen
from agents.sequence import Sequence as BookSeen
from exchanges import Exchange, StreamKind
from schemas import RawRecord, decode_raw
from schemas._reseed import ReseedRequest

__all__ = ["UNREADABLE_KEY", "MdOutput", "Outputs", "PartitionCore"]

UNREADABLE_KEY = "_unreadable"
"""State key of the records whose exchange, market or key cannot be told."""

GAPS_TOPIC = "md.gaps"
KEY_PARTS = 3
State = TypeVar("State")

LARGE_STATE_BYTES = 16_384
"""A state that had this size when it was last encoded is written as seldom as one that holds a book."""


@dataclass(slots=True)
class Outputs:
    """Hold what one call gave: md records in order, what to ask producers for, counts.

    `checksums` counts the sums over books by exchange, market and what they said: ok, mismatch, absent;
    `passed_over` the frames of connections that do not count, by exchange, market and kind.
    """

    md: list[MdOutput] = field(default_factory=list)
    reseeds: list[ReseedRequest] = field(default_factory=list)
    duplicates: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    dead: Counter[tuple[str, str]] = field(default_factory=Counter)
    checksums: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    passed_over: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    frames: int = 0


class PartitionCore:
    """Turn the raw records of one (topic, partition) into rows, for all its symbols."""

    def __init__(
        self,
        exchanges: Mapping[str, Exchange],
        raw_topic: str,
        partition: int,
        *,
        md_topics: Iterable[str] | None = None,
        rows_max: int = ROWS_MAX,
        chain: tuple[Operator, ...] | None = None,
        sources: Iterable[str] | None = None,
    ) -> None:
        """Start without state; `md_topics` limits the outputs, `sources` whose records are read. None means all."""
        self._exchanges = exchanges
        self._raw_topic = raw_topic
        self._partition = partition
        self._wanted = None if md_topics is None else frozenset(md_topics)
        self._rows_max = rows_max
        self._sources = None if sources is None else frozenset(sources)
        self._chain = operators() if chain is None else chain
        self._places = {operator.state: place for place, operator in enumerate(self._chain)}
        self._symbols: dict[str, Symbol] = {}
        self._by_key: dict[bytes, Symbol] = {}
        self._dirty: dict[str, None] = {}
        self._handed_out: dict[str, int] = {}
        self._large: set[str] = set()

    def restore(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Take up the states of symbols: key -> (raw offset it stands at, bytes from `dirty`).

        Raises ValueError when a state cannot be read: going on without it would repeat or lose rows.
        """
        for key, (offset, stored) in states.items():
            restore_state(self._symbol(key), self._chain, offset, stored)
            self._note_size(key, stored)

    def lose(self, before: int) -> None:
        """Take note that the log has lost records below an offset: each symbol that stands there may miss some.

        With its next record every stream it was heard on has a gap.
        """
        for key, symbol in self._symbols.items():
            if symbol.offset < before and symbol.market is not None:
                symbol.lost = True
                self._dirty[key] = None

    def process(self, records: Sequence[tuple[int, bytes | None, bytes]]) -> Outputs:
        """Process (offset, key, value) in log order; records at or below their symbol's state are skipped.

        Bad input never raises: it becomes dead letters.
        """
        batch = self._read(records)
        batch.index()
        for group in batch.all_groups():
            flatten(batch, group)
        effects = Effects()
        by_symbol: dict[str, list[RecordView]] = {}
        for view in batch.views:
            by_symbol.setdefault(view.symbol.key, []).append(view)
        for views in by_symbol.values():
            self._advance(batch, views, effects)
        md = assemble(batch, effects, self._partition, self._wanted, self._rows_max)
        frames = len(batch.frames) - len(batch.broken)
        return Outputs(
            md,
            effects.reseeds,
            effects.duplicates,
            effects.dead,
            effects.checksums,
            effects.passed_over,
            frames,
        )

    def gaps_open(self) -> Counter[tuple[str, str]]:
        """Count the gaps open now by exchange and market, 0 where none is; of nothing where gaps are no output."""
        found: Counter[tuple[str, str]] = Counter()
        if self._wanted is None or GAPS_TOPIC in self._wanted:
            for symbol in self._symbols.values():
                if symbol.market is not None:
                    found[symbol.exchange, symbol.market_name] += len(self._part(symbol, Gaps).open)
        return found

    def dirty(self) -> list[tuple[str, int, bytes]]:
        """Return (key, raw offset, state) of the symbols changed since their state was last cleared."""
        return self.encoded(self._dirty)

    def changed(self) -> list[tuple[str, bool]]:
        """Return the symbols that `dirty` would, and whether their state is large: it holds a book, or many ids."""
        found = []
        for key in self._dirty:
            market = self._symbols[key].market
            found.append((key, key in self._large or (market is not None and market.keeps_book)))
        return found

    def encoded(self, keys: Iterable[str]) -> list[tuple[str, int, bytes]]:
        """Return (key, raw offset, state) of symbols."""
        found = []
        for key in keys:
            symbol = self._symbols[key]
            self._handed_out[key] = symbol.offset
            state = encode_state(symbol, self._chain)
            self._note_size(key, state)
            found.append((key, symbol.offset, state))
        return found

    def _note_size(self, key: str, state: bytes) -> None:
        (self._large.add if len(state) >= LARGE_STATE_BYTES else self._large.discard)(key)

    def clear_dirty(self, keys: Iterable[str]) -> None:
        """Take note that the states last handed out for `keys` are written; newer changes stay dirty."""
        for key in keys:
            if self._handed_out.pop(key, None) == self._symbols[key].offset:
                self._dirty.pop(key, None)

    def _read(self, records: Sequence[tuple[int, bytes | None, bytes]]) -> Batch:
        batch = Batch()
        for offset, key, value in records:
            symbol = self._by_key.get(key) if key else None
            if symbol is not None and offset <= symbol.offset:
                continue
            record, why = _decode(value)
            if symbol is None:
                symbol = self._find(key, record)
                if offset <= symbol.offset:
                    continue
            if record is not None and not _belongs(record, symbol):
                record, why = None, Dead("route", "unknown", "exchange, market or key of the record is not known")
            if record is not None and self._sources is not None and record.source not in self._sources:
                why = Dead("route", "source", f"records of source {record.source} are refused in this environment")
                record = None
            if record is not None:
                batch.add(symbol, offset, self._with_hole(symbol, offset, record) if symbol.lost else record)
            elif why is not None:
                batch.add_broken(symbol, offset, value, why)
            symbol.offset = offset
            self._dirty[symbol.key] = None
        return batch

    def _with_hole(self, symbol: Symbol, offset: int, record: RawRecord) -> RawRecord:
        symbol.lost = False
        streams = set(self._part(symbol, Gaps).heard)
        if self._part(symbol, BookSeen).heard:
            streams.add(StreamKind.BOOK.value)
        return with_hole(record, offset, sorted(streams), self._part(symbol, FramesSeen).last, symbol.received_ns)

    def _part(self, symbol: Symbol, state: type[State]) -> State:
        """Return what the operator with such a state knows of a symbol; nothing where it is not in the chain."""
        place = self._places.get(state)
        part: State = state() if place is None else symbol.parts[place]
        return part

    def _find(self, key: bytes | None, record: RawRecord | None) -> Symbol:
        """Return the symbol of a record by its key, or by what it says when it has no key."""
        text = UNREADABLE_KEY
        if key:
            text = key.decode("utf-8", "replace")
        elif record is not None:
            text = f"{record.exchange}.{record.market}.{record.symbol}"
        symbol = self._symbol(text)
        if key and symbol.market is not None:
            self._by_key[key] = symbol
        return symbol

    def _symbol(self, key: str) -> Symbol:
        symbol = self._symbols.get(key)
        if symbol is not None:
            return symbol
        exchange_name, market_name, native = (*key.split(".", KEY_PARTS - 1), "", "")[:KEY_PARTS]
        exchange = self._exchanges.get(exchange_name)
        market = exchange.markets.get(market_name) if exchange else None
        if (market is None or not native) and key != UNREADABLE_KEY:
            return self._symbol(UNREADABLE_KEY)
        if market is None:
            exchange_name, market_name, native = self._raw_topic.rpartition(".")[2], "", ""
        symbol = Symbol(key, exchange_name, market_name, native, market, fresh_parts(self._chain))
        self._symbols[key] = symbol
        return symbol

    def _advance(self, batch: Batch, views: list[RecordView], effects: Effects) -> None:
        """Take one symbol's records through the operators."""
        symbol = views[0].symbol
        plain = [view.plain and not (batch.dead and _has_dead(batch, view)) for view in views]
        if all(plain) and all(view.market is views[0].market for view in views) and self._run(batch, views, effects):
            return
        for view, is_plain in zip(views, plain, strict=True):
            if not (is_plain and len(views) > 1 and self._run(batch, [view], effects)):
                view.canonical, view.terms = symbol.canonical, symbol.terms
                for ordinal in range(view.first, view.last):
                    self._turn(batch, view, ordinal, effects)
                if view.last > view.first:
                    symbol.received_ns = batch.times[view.last - 1]

    def _run(self, batch: Batch, views: list[RecordView], effects: Effects) -> bool:
        symbol = views[0].symbol
        run = Run(batch, views, batch.groups_of(views[0]))
        parts = []
        for operator, part in zip(self._chain, symbol.parts, strict=True):
            moved = operator.quiet(part, run)
            if moved is None:
                return False
            parts.append(moved)
        symbol.parts = parts
        symbol.received_ns = run.received_ns()
        for view in views:
            view.canonical, view.terms = symbol.canonical, symbol.terms
        for topic, ordinal, values in run.rows:
            effects.rows.setdefault(topic, []).append((ordinal, values))
        effects.checksums.update(run.checksums)
        return True

    def _turn(self, batch: Batch, view: RecordView, ordinal: int, effects: Effects) -> None:
        symbol = view.symbol
        kind = batch.frames[ordinal].k
        absent = is_absent(batch.frames[ordinal])
        group, entry = (None, 0) if absent else _place(batch, view, ordinal, kind)
        turn = Turn(batch, symbol, effects, self._partition, view, ordinal, kind, group, entry, batch.dead.get(ordinal))
        if kind == ENVELOPE:
            batch.times[ordinal] = symbol.received_ns
        elif absent:
            turn.message, turn.dead = read_absent(turn.frame.m)
        elif group is None:
            turn.message, turn.dead = read_message(kind, turn.payload, view.market)
        for operator, part in zip(self._chain, symbol.parts, strict=True):
            operator.step(part, turn)
            if turn.dropped:
                break


def _decode(value: bytes | None) -> tuple[RawRecord | None, Dead | None]:
    try:
        return decode_raw(value or b""), None
    except (ValueError, RecursionError) as error:
        return None, why_unreadable("envelope", error)


def _belongs(record: RawRecord, symbol: Symbol) -> bool:
    return record.symbol == symbol.native and record.market == symbol.market_name and record.exchange == symbol.exchange


def _has_dead(batch: Batch, view: RecordView) -> bool:
    return not batch.dead.keys().isdisjoint(range(view.first, view.last))


def _place(batch: Batch, view: RecordView, ordinal: int, kind: str) -> tuple[Group | None, int]:
    for spanned, first, last in view.spans:
        if spanned == kind:
            group = batch.groups_of(view)[kind]
            return group, group.ordinals.index(ordinal, first, last)
    return None, 0
