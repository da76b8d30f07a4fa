"""Keep one connection's worth of streams alive: connect, serve, replace in time, declare what was missed.

Reconnects back off with full jitter. A planned replacement (lifetime, server notice) opens before the
old connection closes and its frames are held back until the old one is read to its end, so that a
symbol sees one connection after the other and nothing is missed.
"""

from __future__ import annotations

import asyncio
import random

from cryptoflow import clock, events
from producers._connection import Backoff, ConnectionLostError, ConnectLimiter, Target, open_connection
from producers._link import Link, Surroundings
from producers._plan import Carried
from producers._watchdog import NS_PER_S, Remedy, Silence
from schemas import GapEvidence

DISCONNECT, SILENCE, PAUSE = "disconnect", "silence", "pause"
_POLL_S = 0.05
_SOUND_S = 10.0
"""A connection that lives this long needs no back-off after its end."""
_LIFETIME_JITTER = 0.02


class Session:
    """Serve one `Carried` until cancelled."""

    def __init__(self, around: Surroundings, carried: Carried, url: str, limiter: ConnectLimiter) -> None:
        """Take where to connect and what to carry."""
        self._around = around
        self.carried = carried
        self._target = Target.of(url, around.settings)
        self._limiter = limiter
        self._backoff = Backoff(around.settings.reconnect_min_s, around.settings.reconnect_max_s)
        self._link: Link | None = None
        self._fresh: Link | None = None
        self._replace = ""
        self._cause = DISCONNECT
        self._streams_by_symbol: dict[str, list[str]] = {}
        self._kinds_by_symbol: dict[str, tuple[str, ...]] = {}
        for symbol in dict.fromkeys(info.symbol for info in carried.streams):
            own = [info for info in carried.streams if info.symbol == symbol]
            self._streams_by_symbol[symbol] = [info.name for info in own]
            self._kinds_by_symbol[symbol] = tuple(dict.fromkeys(info.kind.value for info in own))

    @property
    def link(self) -> Link | None:
        """Return the connection that counts, None between two."""
        return self._link

    @property
    def streaming(self) -> bool:
        """Tell whether every stream is acknowledged."""
        return self._link is not None and self._link.feed.streaming

    async def run(self) -> None:
        """Serve until cancelled; then close the socket."""
        try:
            while True:
                if self._link is None:
                    self._link = await self._connected(hold=False)
                await self._serve(self._link)
        finally:
            links, self._link, self._fresh = (self._link, self._fresh), None, None
            for link in links:
                if link is not None:
                    link.receiver.release()
                    await self._close(link)

    def reconnect(self, cause: str, detail: str) -> None:
        """Give the connection up and open another: what lies between is a gap."""
        if self._link is not None and not self._link.ended.done():
            self._cause = cause
            self._link.fail(detail)

    def replace(self, reason: str) -> None:
        """Open another connection, then close this one: nothing is missed."""
        self._replace = self._replace or reason

    def watch(self, now_ns: int) -> None:
        """Look for silence; declare it and subscribe the smallest thing again."""
        link = self._link
        if link is None or link.ended.done():
            return
        if link.feed.streaming and link.watchdog.is_connection_silent(now_ns):
            limit_s = self._around.limits.connection_silence_s
            self.reconnect(SILENCE, f"no data frame within connection_silence_s {limit_s:g} s")
            return
        for silence in link.watchdog.check(now_ns):
            self._silent(link, silence, now_ns)

    async def _connected(self, *, hold: bool) -> Link:
        """Return an open connection that subscribes; tries until it succeeds."""
        while True:
            while wait := self._limiter.wait_s():  # noqa: ASYNC110 - it waits for time alone
                await asyncio.sleep(min(wait, 1.0))
            try:
                link = await self._open(hold=hold)
            except ConnectionLostError as error:
                wait_s = self._backoff.next_s()
                self._tell_failed(str(error), wait_s)
                await asyncio.sleep(wait_s)
            else:
                return link

    async def _open(self, *, hold: bool) -> Link:
        around = self._around
        connection = await open_connection(self._target)
        link = Link(connection, around, self.carried, lambda: self.replace("server notice"))
        if hold:
            link.receiver.hold()
        link.start()
        self._count_connections(1)
        events.ConnectionOpened(
            exchange=around.exchange,
            market=around.market.name,
            endpoint=self.carried.endpoint.name,
            conn=link.receiver.conn,
            streams=len(self.carried.streams),
        ).emit()
        return link

    async def _serve(self, link: Link) -> None:
        """Return when `self._link` is another connection, or None."""
        lifetime_s = self.carried.endpoint.lifetime_s * self._around.settings.lifetime_share
        lifetime_s *= 1.0 - random.uniform(0.0, _LIFETIME_JITTER)  # noqa: S311 - spreads reconnects, no secret
        while True:
            await asyncio.wait([link.ended], timeout=_POLL_S)
            if link.ended.done():
                await self._lost(link)
                return
            if link.feed.streaming and clock.monotonic_s() - link.opened_s > _SOUND_S:
                self._backoff.reset()
            if clock.monotonic_s() - link.opened_s > lifetime_s:
                self.replace("lifetime")
            if self._replace:
                reason, self._replace = self._replace, ""
                if await self._replaced(link, reason):
                    return

    async def _replaced(self, old: Link, reason: str) -> bool:
        """Overlap with a replacement; False when it did not become ready and the old one stays."""
        try:
            fresh = await asyncio.wait_for(self._connected(hold=True), self._around.settings.overlap_max_s)
        except TimeoutError:
            return old.ended.done()
        self._fresh = fresh
        ready = await self._overlap(old, fresh)
        if not ready and not old.ended.done():
            # Its frames were received, so they are published; the old connection's own make them repeats.
            fresh.receiver.release()
            await self._close(fresh)
            self._fresh = None
            return False
        if not ready:
            # The old connection went first: what came after its last frame may lie before the new one's first.
            cause, self._cause = self._cause, DISCONNECT
            self._declare(old, cause, old.ended.result())
        await self._close(old)
        fresh.receiver.release()
        self._link, self._fresh = fresh, None
        events.ConnectionReplaced(
            exchange=self._around.exchange,
            market=self._around.market.name,
            endpoint=self.carried.endpoint.name,
            old=old.receiver.conn,
            new=fresh.receiver.conn,
            reason=reason,
        ).emit()
        return True

    async def _overlap(self, old: Link, fresh: Link) -> bool:
        """Wait until the replacement is acknowledged and the grace has passed; True when it is."""
        settings = self._around.settings
        deadline = clock.monotonic_s() + settings.overlap_max_s
        while not fresh.ended.done() and clock.monotonic_s() < deadline:
            acknowledged_ns = fresh.acknowledged_ns
            if old.ended.done():
                return bool(acknowledged_ns) and old.receiver.last_ns >= acknowledged_ns
            graced = bool(acknowledged_ns) and clock.now_ns() - acknowledged_ns >= settings.overlap_grace_s * NS_PER_S
            if graced and fresh.watchdog.last_ns:
                return True
            if fresh.receiver.held >= settings.overlap_max_frames:
                return bool(acknowledged_ns)
            await asyncio.sleep(_POLL_S)
        return False

    async def _lost(self, link: Link) -> None:
        detail = link.ended.result()  # an unexpected error of its tasks comes out here
        self._link = None
        cause, self._cause = self._cause, DISCONNECT
        self._replace = ""
        self._declare(link, cause, detail)
        await self._close(link)
        if clock.monotonic_s() - link.opened_s < _SOUND_S:
            await asyncio.sleep(self._backoff.next_s())

    def _declare(self, link: Link, cause: str, detail: str) -> None:
        """Write one gap frame per symbol before anything of the next connection."""
        events.ConnectionLost(
            exchange=self._around.exchange,
            market=self._around.market.name,
            endpoint=self.carried.endpoint.name,
            conn=link.receiver.conn,
            cause=cause,
            detail=detail,
        ).emit()
        # A connection without a frame ends inside the gap of its predecessor.
        from_ns = link.receiver.last_ns
        if not from_ns:
            return
        for symbol, kinds in self._kinds_by_symbol.items():
            evidence = GapEvidence(cause=cause, streams=kinds, from_ns=from_ns, detail=detail[:200])
            self._around.intake.gap(self._around.lane_of(symbol), evidence)
            if "book" in kinds:
                self._around.on_lost(symbol)

    def _silent(self, link: Link, silence: Silence, now_ns: int) -> None:
        info = silence.info
        detail = f"{info.name} silent beyond {silence.limit_name} {silence.limit_s:g} s"
        events.StreamSilent(
            exchange=self._around.exchange,
            market=self._around.market.name,
            stream=info.name,
            limit_s=silence.limit_s,
            silent_s=(now_ns - silence.since_ns) / 1e9,
        ).emit()
        if silence.first:
            evidence = GapEvidence(cause=SILENCE, streams=(info.kind.value,), from_ns=silence.since_ns, detail=detail)
            self._around.intake.gap(self._around.lane_of(info.symbol), evidence)
            if info.kind.value == "book":
                self._around.on_lost(info.symbol)
        if silence.remedy is Remedy.CONNECTION:
            self.reconnect(SILENCE, detail)
        elif silence.remedy is Remedy.SYMBOL:
            link.resubscribe(self._streams_by_symbol[info.symbol])
        else:
            link.resubscribe([info.name])

    async def _close(self, link: Link) -> None:
        await link.stop()
        self._count_connections(-1)

    def _count_connections(self, change: int) -> None:
        events.ws_connections.labels(self._around.exchange, self._around.market.name).inc(change)

    def _tell_failed(self, detail: str, wait_s: float) -> None:
        events.ConnectFailed(
            exchange=self._around.exchange,
            market=self._around.market.name,
            endpoint=self.carried.endpoint.name,
            detail=detail,
            wait_s=round(wait_s, 3),
        ).emit()
