"""Tell which evidence of a gap another feed of the same streams covers (redundant feeds).

Evidence belongs to the feed of its frame, or to one line of it, where a producer keeps several
connections for the same streams; what it says of the feed itself is true of all its lines. It is no
gap when another feed was heard before it, has lost nothing itself, and is heard at its start or later:
a feed writes its own evidence before it goes on, so its next word proves that it heard all. Until that
word the evidence waits. When all feeds have lost the stream the gap reaches from the last loss to the
first return. Scoped kinds are elect_connections'.

A feed whose first frame another has brought, too, has all since: from the receive time of whichever
came first, not from its own, which may be later by the way here.
"""

from __future__ import annotations

import msgspec

from agents._messages import ALIVE, GAP, STREAMS
from agents._operator import Operator
from agents._run import Run
from agents._spares import digest_of
from agents._turn import Turn
from exchanges import Market
from schemas import Alive, GapEvidence, feed_of, is_of_feed

COVER_WAIT_NS = 60_000_000_000
"""Time for which evidence waits for another feed's word, once its own feed is heard again."""

JOIN_NS = 10_000_000_000
"""Receive time by which feeds may bring the same frame after one another."""

FEEDS_MAX = 8
"""Feeds remembered per stream; the one not heard for longest goes first."""


class Heard(msgspec.Struct):
    """Remember one feed of one stream: heard from when to when, and whether and when it was lost last."""

    since_ns: int
    last_ns: int
    lost_ns: int = 0
    is_lost: bool = False


class Newest(msgspec.Struct):
    """Remember the newest frame of a stream by what it says, and when it came first."""

    digest: int
    at_ns: int

    @classmethod
    def of(cls, market: Market | None, payload: bytes, at_ns: int) -> Newest:
        """Make it of a frame; what each connection numbers for itself is left out."""
        return cls(digest_of(market, payload), at_ns)


class Waiting(msgspec.Struct):
    """Hold evidence that another feed may cover; `back_ns` is when its own feed was heard again."""

    feed: str
    evidence: GapEvidence
    back_ns: int = 0


class Feeds(msgspec.Struct):
    """Remember the feeds of each stream, its newest frame, the evidence that waits, and whose was declared.

    Evidence that was declared says when its own feed is back; another may be before that.
    """

    streams: dict[str, dict[str, Heard]] = {}
    waiting: dict[str, Waiting] = {}
    newest: dict[str, Newest] = {}
    declared: dict[str, str] = {}


def _step(state: Feeds, turn: Turn) -> None:
    feed, message = feed_of(turn.batch.conns[turn.ordinal]), turn.message
    scoped = turn.market.scoped_kinds if turn.market else frozenset()
    if turn.kind == GAP and isinstance(message, GapEvidence):
        for stream in dict.fromkeys(message.streams):
            lost = _lost(state, stream, feed, message) if stream not in scoped else None
            if lost is not None:
                turn.evidence[stream] = lost
                state.declared[stream] = feed
    elif turn.kind == ALIVE and isinstance(message, Alive):
        for stream in sorted(STREAMS.intersection(message.streams) - scoped):
            _heard(state, turn, stream, feed)
    elif turn.kind in STREAMS and turn.dead is None and turn.kind not in scoped:
        _heard(state, turn, turn.kind, feed)
        _joined(state, turn, feed)


def _lost(state: Feeds, stream: str, feed: str, evidence: GapEvidence) -> GapEvidence | None:
    """Take a feed's evidence; return it, with its bounds, when no other feed covers it or may."""
    from_ns = evidence.from_ns
    others = _others(state, stream, feed)
    for own in _lines(state, stream, feed, from_ns):
        own.is_lost, own.lost_ns = True, max(own.lost_ns, from_ns)
    covering = [other for other in others if not other.is_lost and other.since_ns < from_ns]
    if any(other.last_ns >= from_ns for other in covering):
        return None
    if covering:
        state.waiting[stream] = Waiting(feed, evidence)
        return None
    state.waiting.pop(stream, None)
    return _uncovered(evidence, others)


def _uncovered(evidence: GapEvidence, others: list[Heard]) -> GapEvidence:
    """Bound a gap of all feeds: from the last loss to the first return."""
    from_ns = max([evidence.from_ns, *(other.lost_ns for other in others)])
    ends = [other.since_ns for other in others if not other.is_lost] + [evidence.to_ns] * bool(evidence.to_ns)
    return msgspec.structs.replace(evidence, from_ns=from_ns, to_ns=max(min(ends), from_ns) if ends else 0)


def _heard(state: Feeds, turn: Turn, stream: str, feed: str) -> None:
    """Note that a feed was heard; evidence that waits is then covered, or is a gap after all."""
    own, at_ns = _feed(state, stream, feed, turn.received_ns), turn.received_ns
    _move(own, at_ns)
    if stream in state.declared and not own.is_lost and not is_of_feed(feed, state.declared.pop(stream)):
        turn.returned.add(stream)
    waiting = state.waiting.get(stream)
    if waiting is None:
        return
    from_ns = waiting.evidence.from_ns
    if not is_of_feed(feed, waiting.feed):
        if not own.is_lost and at_ns >= from_ns:
            del state.waiting[stream]
        return
    waiting.back_ns = waiting.back_ns or at_ns
    if at_ns > from_ns + COVER_WAIT_NS:
        del state.waiting[stream]
        others = _others(state, stream, waiting.feed)
        for other in others:
            if not other.is_lost:
                other.is_lost, other.lost_ns = True, other.last_ns
        back_ns = min(waiting.back_ns, waiting.evidence.to_ns or waiting.back_ns)
        turn.evidence[stream] = _uncovered(msgspec.structs.replace(waiting.evidence, to_ns=back_ns), others)


def _joined(state: Feeds, turn: Turn, feed: str) -> None:
    """Let feeds that begin with the same frame cover from when it came first."""
    at_ns, newest = turn.received_ns, state.newest.get(turn.kind)
    told = Newest.of(turn.market, turn.payload, at_ns)
    if newest is None or newest.digest != told.digest or abs(at_ns - newest.at_ns) > JOIN_NS:
        state.newest[turn.kind] = told
        return
    first_ns = min(newest.at_ns, at_ns)
    feeds = state.streams[turn.kind]
    for name, heard in feeds.items():
        if heard.since_ns == (at_ns if name == feed else newest.at_ns):
            heard.since_ns = first_ns - 1
    newest.at_ns = first_ns


def _others(state: Feeds, stream: str, feed: str) -> list[Heard]:
    return [heard for name, heard in state.streams.get(stream, {}).items() if not is_of_feed(name, feed)]


def _lines(state: Feeds, stream: str, feed: str, at_ns: int) -> list[Heard]:
    """Return what evidence of a feed is about: its lines, where its producer has several connections."""
    lines = [heard for name, heard in state.streams.get(stream, {}).items() if is_of_feed(name, feed)]
    return lines or [_feed(state, stream, feed, at_ns)]


def _feed(state: Feeds, stream: str, feed: str, at_ns: int) -> Heard:
    feeds = state.streams.setdefault(stream, {})
    if feed not in feeds:
        while len(feeds) >= FEEDS_MAX:
            del feeds[min(feeds, key=lambda name: feeds[name].last_ns)]
        feeds[feed] = Heard(at_ns, at_ns)
    return feeds[feed]


def _move(heard: Heard, at_ns: int) -> None:
    if heard.is_lost and at_ns > heard.lost_ns:
        heard.is_lost, heard.since_ns = False, at_ns
    heard.last_ns = at_ns


def _quiet(state: Feeds, run: Run) -> Feeds | None:
    scoped = run.market.scoped_kinds if run.market else frozenset()
    feeds = {feed_of(conn) for conn in set(run.conns)}
    kinds = [kind for kind in run.spans if kind in STREAMS and kind not in scoped]
    if not state.waiting.keys().isdisjoint(kinds) or not state.declared.keys().isdisjoint(kinds):
        return None
    streams, newest = dict(state.streams), dict(state.newest)
    for kind in kinds:
        newest[kind] = Newest.of(run.market, run.last_payload(kind), run.last_received_ns(kind))
        known = streams.get(kind, {})
        if any(feed not in known or known[feed].is_lost for feed in feeds):
            return None
        if len(feeds) == 1:
            last = dict.fromkeys(feeds, run.last_received_ns(kind))
        else:
            conns, times = run.batch.conns, run.batch.times
            last = {feed_of(conns[ordinal]): times[ordinal] for ordinal in run.ordinals(kind)}
        moved = {feed: Heard(known[feed].since_ns, at_ns, known[feed].lost_ns) for feed, at_ns in last.items()}
        streams[kind] = {**known, **moved}
    return Feeds(streams, state.waiting, newest, state.declared)


OPERATOR = Operator("cover_feeds", 22, Feeds, _step, _quiet)
