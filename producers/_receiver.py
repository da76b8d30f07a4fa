"""Take the frames of one connection: stamp, route, check, encode, count. The hot path."""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cryptoflow import clock
from exchanges import BOOK_SNAPSHOT, Market, Part, Routed, StreamKind
from exchanges import saw as sighted
from producers._balance import CONTROL, NOT_OURS, STREAM_SNAPSHOT, UNROUTED, CountKey, frame_kind, part_of
from producers._books import Reason
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import connection_id
from producers._router import is_json, routed_or_unrouted
from producers._watchdog import StreamInfo, Watchdog
from schemas import FrameEncoder, encode_frame

LANES_CACHE_MAX = 8192
"""Symbols remembered, with their lane and whether a snapshot of the book came; a venue may name any number."""

_WHOLE = frozenset({*(kind.value for kind in StreamKind), CONTROL})
"""Kinds of the frames that are taken as they are."""


JOINING_FRAMES = 8
"""Newest frames of a stream by which a replacement is joined: more than one, since a venue may send two alike."""

_BOOKS = frozenset({StreamKind.BOOK.value, BOOK_SNAPSHOT})


def _all_ours(_symbol: str) -> bool:
    return True


def _nothing(*_told: object) -> None:
    return


@dataclass(frozen=True)
class Hooks:
    """Hold what a receiver asks and tells.

    `is_ours` decides which symbols of a whole market's stream are kept. `on_book` and `on_snapshot`
    get a book delta or an in-stream snapshot once it is published, `on_control` an answer at once,
    `on_break` the time of the last frame before a break of the connection's own numbers, and the
    break in words, before the frame after the break is published.
    """

    lane_of: Callable[[str], Lane]
    on_control: Callable[[bytes], None] = _nothing
    on_book: Callable[[str, bytes, int], None] = _nothing
    on_snapshot: Callable[[str, bytes, int], None] = _nothing
    on_break: Callable[[int, str], None] = _nothing
    is_ours: Callable[[str], bool] = _all_ours


class Receiver:
    """Number and publish the frames of one connection.

    While `hold` is on (a replacement that overlaps its predecessor) frames wait in order, so that no
    symbol sees two connections interleaved; whoever holds ends it at `producer.overlap_max_frames`.
    """

    def __init__(self, market: Market, intake: Intake, watchdog: Watchdog, hooks: Hooks, feed: str = "") -> None:
        """Draw the connection's name; it is the `c` of its frames."""
        self.conn = connection_id(feed)
        intake.conns.add(self.conn)
        self._route = market.route
        self._hooks = hooks
        self._lanes: dict[str, Lane] = {}
        home = hooks.lane_of("")
        self._home = home
        self._keys: dict[str, CountKey] = {kind: home.count_key(kind) for kind in _WHOLE}
        self._intake = intake
        self._encode = FrameEncoder(self.conn).encode
        self._received = intake.balance.received
        self._watchdog = watchdog
        self._shared: frozenset[str] = frozenset()
        self._names: dict[str, str] = {}
        self._seen_books: set[str] = set()
        self._after: dict[str, Callable[[str, bytes, int], None]] = {
            StreamKind.BOOK.value: hooks.on_book,
            part_of(StreamKind.BOOK.value): hooks.on_book,
            STREAM_SNAPSHOT: hooks.on_snapshot,
            part_of(BOOK_SNAPSHOT): hooks.on_snapshot,
        }
        self._sequence = market.connection_sequence
        self._sequence_next = market.connection_sequence_start
        self._held: deque[tuple[Lane, str, bytes, int, str, bytes]] | None = None
        self._number = 0
        self.last_ns = 0
        self._scoped = market.scoped_kinds - _BOOKS
        self._content = market.content
        self._newest: dict[tuple[str, str], deque[bytes]] = {}
        self._newest_ns: dict[tuple[str, str], int] = {}

    @property
    def frames(self) -> int:
        """Count the frames received."""
        return self._number

    @property
    def held(self) -> int:
        """Count the frames held back."""
        return 0 if self._held is None else len(self._held)

    @property
    def is_holding(self) -> bool:
        """Tell whether frames are held back."""
        return self._held is not None

    def carry(self, streams: Iterable[StreamInfo]) -> None:
        """Learn which streams the connection carries: their subscribed names, and which serve a whole market."""
        found = list(streams)
        self._names = {info.heard: info.name for info in found}
        self._shared = frozenset(info.heard for info in found if info.is_shared)
        self._lanes.clear()

    def hold(self) -> None:
        """Keep frames back from now on."""
        self._held = deque()

    def release(self) -> None:
        """Publish what was held back, in order, and hold no more."""
        held, self._held = self._held, None
        for lane, counted, frame, received_ns, symbol, raw in held or ():
            self._publish(lane, counted, frame, received_ns, symbol, raw)

    def remember(self) -> None:
        """Remember the newest frames where one connection counts: a replacement is joined by them."""
        for kind in self._scoped:
            note = functools.partial(self._remember, kind)
            self._after |= {kind: note, part_of(kind): note}

    def joins(self, old: Receiver) -> dict[tuple[str, str], int]:
        """Return, by symbol and kind, when a frame held back came that the old connection brought last.

        What came later is what the old connection did not bring. Frames are the same that say the same
        (`Market.content`); of several alike the one counts before which most is alike, then the latest.
        A stream without such a frame is left out.
        """
        held: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        for _, counted, _, received_ns, symbol, raw in self._held or ():
            place = symbol, frame_kind(counted)
            if place in old._newest:
                held.setdefault(place, []).append((self._content(raw), received_ns))
        found = {place: _joined(tuple(old._newest[place]), frames) for place, frames in held.items()}
        return {place: received_ns for place, received_ns in found.items() if received_ns}

    def has_all_of(self, old: Receiver, since_ns: int) -> bool:
        """Tell whether the frames held back have what the old connection brought last of each stream.

        A stream that it did not bring anything of since a moment is not waited for.
        """
        wanted = {place: frames[-1] for place, frames in old._newest.items() if old._newest_ns[place] >= since_ns}
        for _, counted, _, _, symbol, raw in self._held or () if wanted else ():
            place = symbol, frame_kind(counted)
            if place in wanted and self._content(raw) == wanted[place]:
                del wanted[place]
        return not wanted

    def _remember(self, kind: str, symbol: str, raw: bytes, received_ns: int) -> None:
        self._newest.setdefault((symbol, kind), deque(maxlen=JOINING_FRAMES)).append(self._content(raw))
        self._newest_ns[symbol, kind] = received_ns

    def take(self, raw: bytes) -> None:
        """Take one frame: it is published or held from here on, whatever it contains.

        Only what a whole market's stream says of symbols that are not ours is counted and let go.
        """
        received_ns = clock.now_ns()
        if self._sequence is not None:
            self._check_sequence(raw)
        self.last_ns = received_ns
        number = self._number = self._number + 1
        routed: Routed = routed_or_unrouted(self._route, raw)
        kind = routed.kind
        key = self._keys.get(kind)
        stream = routed.stream
        if key is None or routed.parts or (self._shared and stream in self._shared):
            self._take_other(routed, raw, received_ns)
            return
        symbol = routed.symbol
        lane = self._lanes.get(symbol) or self._lane(symbol)
        if is_json(raw):
            frame = self._encode(number, received_ns, kind, raw)
        else:
            frame = encode_frame(self.conn, number, received_ns, kind, raw, valid_json=False)
        self._received[key] += 1
        if kind == CONTROL:
            self._hooks.on_control(raw)
        elif stream:
            self._watchdog.heard(stream, received_ns)
        if self._held is not None:
            self._held.append((lane, kind, frame, received_ns, symbol, raw))
            return
        # What `_publish` does, without a call per frame.
        self._intake.take(lane, kind, frame, received_ns)
        after = self._after.get(kind)
        if after is not None:
            after(symbol, raw, received_ns)

    def _take_other(self, routed: Routed, raw: bytes, received_ns: int) -> None:
        """Take a frame that is not wholly one known kind of one symbol of ours."""
        if routed.kind == UNROUTED:
            # An unrouted frame is told apart by our counts; in the log it is a control frame nobody can read.
            self._received[self._home.count_key(UNROUTED)] += 1
            frame = encode_frame(self.conn, self._number, received_ns, CONTROL, raw, valid_json=is_json(raw))
            self._pass(self._home, UNROUTED, frame, received_ns, "", raw)
            return
        parts = routed.parts or (Part(routed.kind, routed.symbol, routed.stream, raw),)
        for stream in dict.fromkeys(part.stream for part in parts):
            if stream:
                self._watchdog.heard(stream, received_ns)
        for ordinal, part in enumerate(parts):
            self._take_part(part, ordinal, received_ns)

    def _take_part(self, part: Part, ordinal: int, received_ns: int) -> None:
        first = STREAM_SNAPSHOT if part.kind == BOOK_SNAPSHOT else part.kind
        counted = part_of(part.kind) if ordinal else first
        key = self._home.count_key(counted)
        self._received[key] += 1
        if part.stream in self._shared and not self._hooks.is_ours(part.symbol):
            self._intake.balance.drop({key: 1}, NOT_OURS)
            return
        meta: dict[str, str | int] | None = None
        if part.kind == BOOK_SNAPSHOT:
            reason = Reason.RESYNC if part.symbol in self._seen_books else Reason.SUBSCRIBE
            if len(self._seen_books) < LANES_CACHE_MAX:
                self._seen_books.add(part.symbol)
            meta = {"reason": reason.value, "stream": self._names.get(part.stream, part.stream)}
        frame = encode_frame(
            self.conn, self._number, received_ns, part.kind, part.raw,
            valid_json=is_json(part.raw), part=ordinal, meta=meta,
        )  # fmt: skip
        self._pass(self._lane(part.symbol), counted, frame, received_ns, part.symbol, part.raw)

    def _lane(self, symbol: str) -> Lane:
        lane = self._lanes.get(symbol)
        if lane is None:
            lane = self._hooks.lane_of(symbol)
            if len(self._lanes) < LANES_CACHE_MAX:
                self._lanes[symbol] = lane
        return lane

    def _check_sequence(self, raw: bytes) -> None:
        """Hold every frame against the connection's own count, before any filter. PROTOCOLS 6.2.5."""
        try:
            number = self._sequence(raw) if self._sequence is not None else None
        except (ValueError, RecursionError):
            return
        if number is None:
            return
        wanted, self._sequence_next = self._sequence_next, number + 1
        if number == wanted:
            return
        if not self._number:
            # PROTOCOLS 6.2.4 (!): the first number is not documented
            sighted("PROTOCOLS 6.2.4", f"a connection's first number is {number}, not {wanted}")
            return
        self._sequence = None
        self._hooks.on_break(self.last_ns, f"frame {number} came where {wanted} was due")

    def _pass(self, lane: Lane, counted: str, frame: bytes, received_ns: int, symbol: str, raw: bytes) -> None:
        if self._held is not None:
            self._held.append((lane, counted, frame, received_ns, symbol, raw))
        else:
            self._publish(lane, counted, frame, received_ns, symbol, raw)

    def _publish(self, lane: Lane, counted: str, frame: bytes, received_ns: int, symbol: str, raw: bytes) -> None:
        self._intake.take(lane, counted, frame, received_ns)
        after = self._after.get(counted)
        if after is not None:
            after(symbol, raw, received_ns)


def _joined(newest: Sequence[bytes], held: Sequence[tuple[bytes, int]]) -> int:
    """Return when the last of `newest` came among the frames held; 0 where it did not."""
    most, found_ns = 0, 0
    for place, (content, received_ns) in enumerate(held):
        if content == newest[-1]:
            before = reversed(held[max(place + 1 - len(newest), 0) : place + 1])
            pairs = zip(reversed(newest), before, strict=False)
            alike = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1][0], pairs)))
            if alike >= most:
                most, found_ns = alike, received_ns
    return found_ns
