"""Hand symbols from one replica to another while both record them; the log alone proves it. Pure.

The giver keeps a symbol until its new owner is seen in the log: a frame of another connection for
every stream kind the giver itself was sent meanwhile. It then stays for a hold, so that the taker
sees it too. Whoever sees no other owner keeps recording: a symbol is never given up to nobody.

The taker records from the start and declares nothing at first. A frame of the other owner that was
received after all our streams of a kind were acknowledged proves that nothing was missed of it. Without
one, the time from the other's last frame to that acknowledgement becomes a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from producers._own import ALIVE, INSTRUMENT, SWITCH
from producers._restart import LastHeard, Symbol, streams_of, switch_of
from schemas import GapEvidence, RawFrame, RawRecord, feed_of, is_of_feed


@dataclass
class _Giving:
    """Remember which kinds we were sent, which the other owner was, and on which connections."""

    since_s: float
    ours: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    conns: dict[str, str] = field(default_factory=dict)
    elected: dict[str, str] = field(default_factory=dict)
    seen: bool = False
    proven_s: float = 0.0
    together: tuple[Symbol, ...] = ()


@dataclass
class _Taking:
    since_s: float
    heard: LastHeard
    symbol: Symbol
    served_ns: dict[str, int] = field(default_factory=dict)
    streaming_s: float | None = None
    last_other_ns: int = 0

    @property
    def kinds(self) -> frozenset[str]:
        """Return what is to be recorded of the symbol."""
        return self.heard.wanted[self.symbol]

    def unproven(self) -> dict[str, int]:
        """Return since when we are served, per kind of which the other was not heard since."""
        return {kind: at_ns for kind, at_ns in self.served_ns.items() if self.last_other_ns < at_ns}


@dataclass(frozen=True)
class Given:
    """Say that a symbol may be given up; `elect` names the connection that counts from there on, by kind."""

    symbol: Symbol
    elect: Mapping[str, str]


@dataclass(frozen=True)
class Taken:
    """Say that a symbol is ours alone; `missed` is what nobody recorded in between."""

    symbol: Symbol
    missed: tuple[GapEvidence, ...]


class Handover:
    """Follow the symbols of one exchange that change hands; time is passed in."""

    def __init__(
        self, is_ours: Callable[[str], bool], feed: str, kinds: Collection[str], limit_s: float, hold_s: float
    ) -> None:
        """Take how to know our own connections, our feed, the wait for proof, and how long a giver stays.

        `kinds` are the stream kinds this process is told to record, empty for all: with some only, what
        others write of a symbol says nothing about ours.
        """
        self._is_ours = is_ours
        self._feed = feed
        self._kinds = kinds
        self._limit_s = limit_s
        self._hold_s = hold_s
        self._giving: dict[Symbol, _Giving] = {}
        self._taking: dict[Symbol, _Taking] = {}

    def __bool__(self) -> bool:
        """Tell whether any symbol changes hands."""
        return bool(self._giving or self._taking)

    @property
    def giving(self) -> Iterable[Symbol]:
        """Return the symbols to be given up."""
        return self._giving.keys()

    @property
    def taking(self) -> Iterable[Symbol]:
        """Return the symbols taken up whose earlier owner is not accounted for."""
        return self._taking.keys()

    def give(self, symbol: Symbol, now_s: float) -> None:
        """Begin to give a symbol up."""
        self._taking.pop(symbol, None)
        self._giving.setdefault(symbol, _Giving(now_s))

    def hold(self, symbol: Symbol, together: Iterable[Symbol]) -> None:
        """Keep a symbol to be given up until others, to be given up too, may go: the indexes it follows."""
        self._giving[symbol].together = tuple(together)

    def take(self, symbol: Symbol, heard: LastHeard, now_s: float) -> None:
        """Begin to take a symbol up; `heard` is what the log held of it before. One that was never let go stays."""
        if self._giving.pop(symbol, None) is None:
            self._taking.setdefault(symbol, _Taking(now_s, heard, symbol))

    def forget(self, symbol: Symbol) -> None:
        """Drop a symbol that is recorded no more at all."""
        self._giving.pop(symbol, None)
        self._taking.pop(symbol, None)

    def streaming(self, symbol: Symbol, served_ns: Mapping[str, int], now_s: float) -> None:
        """Note since when all streams of a kind are acknowledged, by kind of a symbol taken up."""
        taking = self._taking.get(symbol)
        if taking is not None and taking.streaming_s is None:
            taking.served_ns = {kind: served_ns[kind] for kind in taking.kinds & served_ns.keys()}
            taking.streaming_s = now_s if len(taking.served_ns) == len(taking.kinds) else None

    def hear(self, record: RawRecord, now_s: float) -> None:
        """Take a record of the log, in log order per symbol."""
        symbol = record.market, record.symbol
        giving, taking = self._giving.get(symbol), self._taking.get(symbol)
        frames = [frame for frame in record.frames if is_of_feed(feed_of(frame.c), self._feed)]
        others = [frame for frame in frames if not self._is_ours(frame.c)]
        if giving is not None:
            for frame in frames:
                self._follow(giving, frame)
            if giving.theirs and giving.ours <= giving.theirs and not giving.proven_s:
                giving.proven_s = now_s
        if taking is not None and others:
            taking.heard.take(msgspec.structs.replace(record, frames=others))
            served = [frame.t for frame in others if self._served(frame)]
            taking.last_other_ns = max(taking.last_other_ns, *served, 0)

    def given(self, now_s: float) -> list[Given]:
        """Return the symbols whose new owner is proven, and forget them.

        After the limit it is enough that the new owner wrote anything at all of the symbol: a stream
        that says nothing proves nothing either way.
        """
        done: list[Given] = []
        stay = {symbol for symbol, one in self._giving.items() if not self._may_go(one, now_s)}
        for symbol, one in list(self._giving.items()):
            if stay.isdisjoint((symbol, *one.together)):
                del self._giving[symbol]
                # A reconnect of ours during the overlap may have elected it: the log must not wait for what ends.
                ours = [kind for kind, conn in one.elected.items() if self._is_ours(conn) and kind in one.conns]
                done.append(Given(symbol, {kind: one.conns[kind] for kind in ours}))
        return done

    def _may_go(self, giving: _Giving, now_s: float) -> bool:
        quiet = giving.seen and now_s - giving.since_s >= self._limit_s
        return quiet or bool(giving.proven_s and now_s - giving.proven_s >= self._hold_s)

    def taken(self, now_s: float) -> list[Taken]:
        """Return the symbols whose earlier owner is accounted for, and forget them."""
        done: list[Taken] = []
        for symbol, one in list(self._taking.items()):
            if one.streaming_s is None:
                continue
            unproven = one.unproven()
            if not unproven or now_s - one.streaming_s >= self._limit_s:
                del self._taking[symbol]
                done.append(Taken(symbol, tuple(one.heard.missed(symbol, unproven))))
        return done

    def end(self, now_ns: int) -> list[Taken]:
        """Return the symbols whose earlier owner is not accounted for when this process stops, and forget them.

        The next one would find our own frames in the log and ask no further.
        """
        done: list[Taken] = []
        for symbol, one in self._taking.items():
            waiting = dict.fromkeys(one.kinds - one.served_ns.keys(), now_ns)
            done.append(Taken(symbol, tuple(one.heard.missed(symbol, waiting | one.unproven()))))
        self._taking.clear()
        return done

    def waiting(self, now_s: float) -> int:
        """Count the symbols to be given up whose new owner was not seen within the limit."""
        return sum(not one.seen and now_s - one.since_s >= self._limit_s for one in self._giving.values())

    def _served(self, frame: RawFrame) -> set[str]:
        """Return the kinds of ours that a frame proves to be served."""
        found = streams_of(frame)
        return found.intersection(self._kinds) if self._kinds else found

    def _follow(self, giving: _Giving, frame: RawFrame) -> None:
        if frame.k == SWITCH and (switch := switch_of(frame)) is not None:
            giving.elected.update(dict.fromkeys(switch.streams, switch.conn))
        served = self._served(frame)
        if self._is_ours(frame.c):
            giving.ours |= served if frame.k != ALIVE else set()
            return
        giving.theirs |= served
        giving.seen = giving.seen or bool(served) or (frame.k == INSTRUMENT and not self._kinds)
        if frame.k != ALIVE:
            giving.conns.update(dict.fromkeys(served, frame.c))
