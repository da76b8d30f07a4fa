"""Say of each stream what a person asks: last frame, rate against expectation, gaps, resyncs, book, owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from cryptoflow import clock
from exchanges import StreamKind
from producers._intake import Intake
from producers._link import Link
from producers._market import MarketRun
from producers._ownership import Ownership
from producers._session import Session
from producers._watchdog import NS_PER_S, StreamInfo
from schemas import feed_of

SAMPLE_S = 10.0
"""Time between two looks at the counts; a rate is that of the last one to two of these."""

_SMOOTHING = 0.05
_USUAL_MIN_SAMPLES = 3
"""Looks before a rate is called usual."""

EVERY = "*"
"""Stands for the symbol where a stream serves the whole market."""


class StreamStatus(msgspec.Struct, frozen=True):
    """Describe one stream on one connection.

    `state` is ok, silent (beyond `limit_s`), unheard (acknowledged, no frame yet), waiting (for the
    answer to its subscription), refused, or disconnected. `expected_per_s` is its documented least rate, or
    its usual one once that is known. `gaps` and `resyncs` count from the start of the process, `book_valid` is None
    where the stream is no book. `owner` is `<replica>/<replicas>`, `handover` says `giving` or `taking`.
    """

    exchange: str
    market: str
    symbol: str
    stream: str
    name: str
    state: str
    last_ns: int
    silence_s: float | None
    limit_s: float | None
    frames: int
    rate_per_s: float
    expected_per_s: float | None
    gaps: int
    last_gap: str
    resyncs: int
    book_valid: bool | None
    owner: str
    handover: str
    feed: str
    address: str
    conn: str


@dataclass(slots=True)
class _Rate:
    """Remember two looks at a count and the usual rate between looks."""

    before_s: float
    before: int
    last_s: float
    last: int
    usual: float = 0.0
    looks: int = 0

    def look(self, now_s: float, count: int) -> None:
        rate = (count - self.last) / max(now_s - self.last_s, 1e-9)
        self.usual = rate if not self.looks else self.usual + _SMOOTHING * (rate - self.usual)
        self.looks += 1
        self.before_s, self.before = self.last_s, self.last
        self.last_s, self.last = now_s, count


class Status:
    """Look at the markets of a process; `sample` now and then, `facts` when asked, both in its loop."""

    def __init__(
        self,
        markets: Mapping[tuple[str, str], MarketRun],
        ownerships: Mapping[str, Ownership],
        intake: Intake,
        who: Mapping[str, object],
    ) -> None:
        """Take what is looked at, and what the process says of itself."""
        self._markets = markets
        self._ownerships = ownerships
        self._intake = intake
        self._who = dict(who)
        self._rates: dict[tuple[str, str], _Rate] = {}
        self._sampled_s = float("-inf")

    def sample(self, now_s: float) -> None:
        """Take the counts, when it is time; call as often as you like."""
        if now_s - self._sampled_s < SAMPLE_S:
            return
        self._sampled_s = now_s
        rates: dict[tuple[str, str], _Rate] = {}
        for market in self._markets.values():
            for session in market.sessions:
                link = _open(session)
                if link is None:
                    continue
                for info in session.carried.streams:
                    key = link.receiver.conn, info.name
                    count = link.watchdog.counts.get(info.heard, 0)
                    rate = rates[key] = self._rates.get(key) or _Rate(link.opened_s, 0, link.opened_s, 0)
                    rate.look(now_s, count)
        # Rates of connections that ended are let go with them.
        self._rates = rates

    def facts(self) -> dict[str, object]:
        """Return the process, all its streams and what it waits for to be listed, as JSON types."""
        now_s, now_ns = clock.monotonic_s(), clock.now_ns()
        rows = [
            msgspec.to_builtins(row)
            for (exchange, name), market in self._markets.items()
            for row in self._rows(exchange, name, market, now_s, now_ns)
        ]
        waiting = [one for ownership in self._ownerships.values() for one in ownership.waiting.facts()]
        return {**self._who, "at_ns": now_ns, "streams": rows, "waiting": waiting}

    def _rows(self, exchange: str, name: str, market: MarketRun, now_s: float, now_ns: int) -> Iterator[StreamStatus]:
        ownership = self._ownerships[exchange]
        replica = ownership.replica(name)
        giving, taking = set(ownership.handover.giving), set(ownership.handover.taking)
        for session in market.sessions:
            link = _open(session)
            for info in session.carried.streams:
                count, frames, last_ns, limit_s = self._counts(link, info, now_s)
                gaps, cause = self._gaps(exchange, name, market, info)
                is_book = StreamKind.BOOK in info.kinds
                valid, resyncs = market.books.status(info.symbol) if is_book else (None, 0)
                key = name, info.symbol
                yield StreamStatus(
                    exchange=exchange,
                    market=name,
                    symbol=EVERY if info.is_shared else info.symbol,
                    stream="+".join(kind.value for kind in info.kinds),
                    name=info.name,
                    state=_state(link, info, last_ns),
                    last_ns=last_ns,
                    silence_s=round((now_ns - last_ns) / NS_PER_S, 3) if last_ns else None,
                    limit_s=limit_s,
                    frames=frames,
                    rate_per_s=round(count, 3),
                    expected_per_s=self._expected(link, info),
                    gaps=gaps,
                    last_gap=cause,
                    resyncs=resyncs,
                    book_valid=valid,
                    owner=f"{replica.index}/{replica.count}",
                    handover="giving" if key in giving else "taking" if key in taking else "",
                    feed=feed_of(link.receiver.conn) if link is not None else "",
                    address=session.carried.address,
                    conn=link.receiver.conn if link is not None else "",
                )

    def _counts(self, link: Link | None, info: StreamInfo, now_s: float) -> tuple[float, int, int, float | None]:
        """Return a stream's rate, frames, last frame and limit on its connection."""
        if link is None:
            return 0.0, 0, 0, None
        frames = link.watchdog.counts.get(info.heard, 0)
        rate = self._rates.get((link.receiver.conn, info.name))
        since_s, before = (rate.before_s, rate.before) if rate is not None else (link.opened_s, 0)
        limit = link.watchdog.limit(info.heard)
        last_ns = link.watchdog.last_ns.get(info.heard, 0)
        return (frames - before) / max(now_s - since_s, 1e-9), frames, last_ns, limit[0] if limit is not None else None

    def _expected(self, link: Link | None, info: StreamInfo) -> float | None:
        if info.period_s is not None:
            return round(1.0 / info.period_s, 3)
        rate = self._rates.get((link.receiver.conn, info.name)) if link is not None else None
        return round(rate.usual, 3) if rate is not None and rate.looks >= _USUAL_MIN_SAMPLES else None

    def _gaps(self, exchange: str, name: str, market: MarketRun, info: StreamInfo) -> tuple[int, str]:
        """Return the gaps of a stream and the last cause; of one that serves the market, those of the worst symbol."""
        symbols = list(market.lanes) if info.is_shared else [info.symbol]
        found = [
            self._intake.gaps.get((f"{exchange}.{name}.{symbol}".encode(), kind.value), (0, ""))
            for symbol in symbols
            for kind in info.kinds
        ]
        return max(found, default=(0, ""))


def _open(session: Session) -> Link | None:
    link = session.link
    return link if link is not None and not link.ended.done() else None


def _state(link: Link | None, info: StreamInfo, last_ns: int) -> str:
    if link is None:
        return "disconnected"
    if not link.feed.is_acknowledged(info.name):
        return "refused" if link.feed.is_given_up(info.name) else "waiting"
    if link.watchdog.is_silent(info.heard):
        return "silent"
    return "ok" if last_ns else "unheard"
