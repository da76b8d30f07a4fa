"""Notice silence: of a connection, of a stream, of this process. Pure; every limit has a name.

Only data frames count as life: answers and heartbeats prove the socket, not the feed. A stream's
limit is its documented period, or its own usual interval once that is known; a stream acknowledged
and never heard has a limit too, but for liquidations, which may be absent for hours.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exchanges import Per, StreamKind

NS_PER_S = 1_000_000_000
_LEARN_MIN_FRAMES = 20
_SMOOTHING = 0.2
_BACKOFF_MAX = 32
_SYMBOL_ALARMS = 2
"""Alarms after which subscribing again was not enough."""
_MOST_SILENT = 0.5
"""Share of silent streams that speaks against the connection, not the stream."""


@dataclass(frozen=True, slots=True)
class SilenceLimits:
    """Hold the limits of `producer.*` in seconds and factors."""

    connection_silence_s: float
    silence_min_s: float
    silence_factor: float
    silence_period_factor: float
    unheard_limit_s: float


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Describe one subscribed stream of one symbol, of one index, or of a whole market (symbol "").

    `also` names further kinds its frames carry. `routed` is what its frames name it, where that
    differs from its subscribed name.
    """

    name: str
    kind: StreamKind
    symbol: str
    period_s: float | None
    also: tuple[StreamKind, ...] = ()
    per: Per = Per.SYMBOL
    routed: str = ""

    @property
    def heard(self) -> str:
        """Return the name its frames have."""
        return self.routed or self.name

    @property
    def kinds(self) -> tuple[StreamKind, ...]:
        """Return all kinds its frames carry."""
        return (self.kind, *self.also)

    @property
    def is_shared(self) -> bool:
        """Tell whether it serves the whole market."""
        return self.per is Per.MARKET


class Remedy(enum.Enum):
    """Say what to do about a silent stream, the smallest thing first."""

    STREAM = "resubscribe the stream"
    SYMBOL = "resubscribe the symbol"
    CONNECTION = "open the connection again"


@dataclass(frozen=True, slots=True)
class Silence:
    """Report one silent stream: since when, beyond which limit, the remedy, and whether it is news."""

    info: StreamInfo
    since_ns: int
    limit_s: float
    limit_name: str
    remedy: Remedy
    first: bool


@dataclass(slots=True)
class _Watch:
    info: StreamInfo
    watched_ns: int = 0
    interval_s: float = 0.0
    frames: int = 0
    frames_seen: int = 0
    looked_ns: int = 0
    alarms: int = 0
    alarmed_ns: int = 0


class Watchdog:
    """Watch the streams of one connection; `heard` is the hot part and only stores."""

    def __init__(self, streams: Iterable[StreamInfo], limits: SilenceLimits) -> None:
        """Watch nothing until a stream is acknowledged."""
        self._limits = limits
        self._watches: dict[str, _Watch] = {}
        self._heard: dict[str, str] = {}
        self.last_ns: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.connection_ns = 0
        self.add(streams)

    def add(self, streams: Iterable[StreamInfo]) -> None:
        """Watch further streams, once they are acknowledged."""
        for info in streams:
            self._watches[info.heard] = _Watch(info)
            self._heard[info.name] = info.heard
            self.counts[info.heard] = 0

    def drop(self, streams: Iterable[StreamInfo]) -> None:
        """Watch these streams no more."""
        for info in streams:
            self._watches.pop(info.heard, None)
            self._heard.pop(info.name, None)
            self.counts.pop(info.heard, None)
            self.last_ns.pop(info.heard, None)

    def alarms(self) -> Mapping[str, int]:
        """Return how often each stream that is silent gave alarm."""
        return {name: watch.alarms for name, watch in self._watches.items() if watch.alarms}

    def remember(self, alarms: Mapping[str, int]) -> None:
        """Take the alarms of the connection before: what stays silent gives alarm ever more rarely."""
        for name, count in alarms.items():
            if name in self._watches:
                self._watches[name].alarms = count

    def opened(self, now_ns: int) -> None:
        """Start the connection's own timer."""
        self.connection_ns = now_ns

    def acknowledged(self, names: Iterable[str], now_ns: int) -> None:
        """Start the timers of streams the venue accepted, or start them again if they were heard meanwhile.

        One not heard since it was accepted last stays due: asking again because of others proves nothing.
        """
        for name in names:
            heard = self._heard.get(name)
            if heard is None:
                continue
            watch = self._watches[heard]
            if not watch.watched_ns or self.last_ns.get(heard, 0) >= watch.watched_ns:
                watch.watched_ns = now_ns

    def heard(self, name: str, now_ns: int) -> None:
        """Note a data frame of a stream; one that is not watched shows that the connection lives, no more."""
        self.connection_ns = now_ns
        if name in self.counts:
            self.last_ns[name] = now_ns
            self.counts[name] += 1

    def is_connection_silent(self, now_ns: int, frame_ns: int = 0) -> bool:
        """Tell whether no data frame at all came within `connection_silence_s`.

        `frame_ns` is the time of the last frame of any kind: while a venue's heartbeats come, the
        connection lives, its instruments may be quiet, and their own limits tell.
        """
        limit_ns = self._limits.connection_silence_s * NS_PER_S
        beats = frame_ns > self.connection_ns and now_ns - frame_ns <= limit_ns
        return now_ns - self.connection_ns > limit_ns and not beats

    def limit(self, name: str) -> tuple[float, str] | None:
        """Return the stream's limit in seconds and its name; None for a stream without one yet."""
        watch = self._watches[name]
        if watch.info.period_s is not None:
            return max(watch.info.period_s * self._limits.silence_period_factor, 1.0), "silence_period_factor"
        if watch.frames >= _LEARN_MIN_FRAMES and watch.info.kind is not StreamKind.LIQUIDATIONS:
            return max(watch.interval_s * self._limits.silence_factor, self._limits.silence_min_s), "silence_factor"
        if watch.info.kind is not StreamKind.LIQUIDATIONS:
            return self._limits.unheard_limit_s, "unheard_limit_s"
        return None

    def is_silent(self, name: str) -> bool:
        """Tell whether a stream is beyond its limit and was not heard since."""
        return bool(self._watches[name].alarmed_ns)

    def check(self, now_ns: int) -> list[Silence]:
        """Learn the rates and return streams that fell silent since the last check."""
        found: list[Silence] = []
        for watch in self._watches.values():
            self._learn(watch)
            silence = self._silence(watch, now_ns)
            if silence is not None:
                found.append(silence)
        return found

    def idle(self, now_ns: int, least_s: float) -> Mapping[str, tuple[list[StreamKind], int]]:
        """Return, per symbol, the healthy streams unheard for `least_s` and the limit that guards them in ns.

        A stream is healthy once it was heard on this connection: an answer alone proves nothing. Only
        liquidations, which may be absent for hours, are trusted when others of the connection are heard.
        """
        found: dict[str, tuple[list[StreamKind], int]] = {}
        for name, watch in self._watches.items():
            last = max(self.last_ns.get(name, 0), watch.watched_ns)
            # A whole market's stream may be busy and yet say nothing of one symbol.
            busy = now_ns - last < least_s * NS_PER_S and not watch.info.is_shared
            # What a busy stream carries besides may be quiet all the same.
            quiet = watch.info.also if busy else watch.info.kinds
            if not watch.watched_ns or watch.alarmed_ns or not quiet:
                continue
            if name not in self.last_ns and (watch.info.kind is not StreamKind.LIQUIDATIONS or not self.last_ns):
                continue
            limit = self.limit(name)
            limit_s = limit[0] if limit is not None else self._limits.connection_silence_s
            kinds, most = found.get(watch.info.symbol, ([], 0))
            found[watch.info.symbol] = ([*kinds, *quiet], max(most, int(limit_s * NS_PER_S)))
        return found

    def silent_share(self) -> float:
        """Return the share of streams in alarm."""
        alarmed = sum(1 for watch in self._watches.values() if watch.alarmed_ns)
        return alarmed / len(self._watches) if self._watches else 0.0

    def silences(self, now_ns: int) -> Iterable[tuple[StreamInfo, float]]:
        """Yield every stream and the seconds since its last frame."""
        for name, watch in self._watches.items():
            last = max(self.last_ns.get(name, 0), watch.watched_ns)
            if last:
                yield watch.info, (now_ns - last) / NS_PER_S

    def _learn(self, watch: _Watch) -> None:
        name = watch.info.heard
        fresh = self.counts[name] - watch.frames_seen
        last = self.last_ns.get(name, 0)
        if not fresh:
            return
        if watch.looked_ns and last > watch.looked_ns:
            interval = (last - watch.looked_ns) / NS_PER_S / fresh
            # The longest usual interval counts: bursts shorten it slowly, lulls lengthen it at once.
            smoothed = watch.interval_s + _SMOOTHING * (interval - watch.interval_s)
            watch.interval_s = max(interval, smoothed) if watch.interval_s else interval
        watch.looked_ns = last
        watch.frames += fresh
        watch.frames_seen += fresh
        watch.alarmed_ns = 0
        watch.alarms = 0

    def _silence(self, watch: _Watch, now_ns: int) -> Silence | None:
        limit = self.limit(watch.info.heard)
        if not watch.watched_ns or limit is None:
            return None
        limit_s, limit_name = limit
        heard = self.last_ns.get(watch.info.heard, 0)
        start = max(heard, watch.watched_ns, watch.alarmed_ns)
        # A stream nobody ever heard may simply be quiet: each alarm doubles the wait for the next.
        patience = min(2**watch.alarms, _BACKOFF_MAX)
        if now_ns - start <= limit_s * NS_PER_S * patience:
            return None
        watch.alarms += 1
        watch.alarmed_ns = now_ns
        return Silence(
            watch.info, heard or watch.watched_ns, limit_s, limit_name, self._remedy(watch), watch.alarms == 1
        )

    def _remedy(self, watch: _Watch) -> Remedy:
        if watch.alarms > _SYMBOL_ALARMS and self.silent_share() >= _MOST_SILENT:
            return Remedy.CONNECTION
        if watch.alarms == _SYMBOL_ALARMS:
            return Remedy.SYMBOL
        # One stream that is silent on another connection too is its own trouble: the others are left alone.
        once = watch.alarms == _SYMBOL_ALARMS + 1 and watch.info.period_s is not None
        return Remedy.CONNECTION if once else Remedy.STREAM


class PauseDetector:
    """Notice that this process did not run: SIGSTOP, host suspend, a blocked loop."""

    def __init__(self, limit_s: float) -> None:
        """Take the longest pause that leaves connections trusted."""
        self._limit_s = limit_s
        self._ticked_s: float | None = None
        self._ticked_ns = 0

    def tick(self, now_s: float, now_ns: int) -> float:
        """Call regularly; return the length of a pause beyond the limit, else 0."""
        before_s, before_ns = self._ticked_s, self._ticked_ns
        self._ticked_s, self._ticked_ns = now_s, now_ns
        if before_s is None:
            return 0.0
        # The monotonic clock stands still while the host is suspended, wall time does not.
        paused = max(now_s - before_s, (now_ns - before_ns) / NS_PER_S)
        return paused if paused > self._limit_s else 0.0
