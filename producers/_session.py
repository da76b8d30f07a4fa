"""Keep one connection's worth of streams alive: connect, serve, replace in time, declare what was missed.

Reconnects back off with full jitter. A planned replacement (lifetime, server notice) opens before the
old connection closes and its frames are held back until the old one is read to its end, so that a
symbol sees one connection after the other and nothing is missed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cryptoflow import clock, events, metrics
from exchanges import StreamKind
from producers._connection import Backoff, ConnectionLostError, Target, open_connection
from producers._egress import LIMITED, Egress, host_of
from producers._link import Link, Surroundings
from producers._plan import Carried, first_requests
from producers._watchdog import NS_PER_S, Remedy, Silence, StreamInfo

SILENCE, PAUSE = "silence", "pause"
_POLL_S = 0.05
_SOUND_S = 10.0
"""A connection that lives this long needs no back-off after its end."""
_LIFETIME_JITTER = 0.02


class Session:
    """Serve one `Carried` until cancelled."""

    def __init__(self, around: Surroundings, carried: Carried, url: str, egress: Egress) -> None:
        """Take where to connect and what to carry."""
        self._around = around
        self.carried = carried
        self._target = Target.of(url, around.settings)
        self._egress = egress
        self._backoff = Backoff(around.settings.reconnect_min_s, around.settings.reconnect_max_s)
        self._link: Link | None = None
        self._fresh: Link | None = None
        self._replace = ""
        self._alarms: Mapping[str, int] = {}

    @property
    def link(self) -> Link | None:
        """Return the connection that counts, None between two."""
        return self._link

    @property
    def streaming(self) -> bool:
        """Tell whether every stream is acknowledged."""
        return self._link is not None and self._link.feed.streaming

    def add(self, streams: Sequence[StreamInfo]) -> None:
        """Carry further streams, on the open connection and on every later one."""
        self._carry([*self.carried.streams, *streams], streams, ())
        link = self._link
        if link is not None and not link.ended.done():
            link.elect(streams=streams)

    def drop(self, streams: Iterable[StreamInfo]) -> None:
        """Carry these streams no more."""
        gone = [info for info in streams if info in self.carried.streams]
        self._carry([info for info in self.carried.streams if info not in gone], (), gone)
        self._around.election.forget(self._around.line, gone)

    def take_over(self, streams: Iterable[StreamInfo]) -> list[StreamInfo]:
        """Let the open connection count for those of these streams that it is served; return them."""
        link = self._link
        if link is None or link.ended.done():
            return []
        able = [info for info in streams if info in self.carried.streams and link.feed.is_acknowledged(info.name)]
        if able:
            link.elect(streams=able)
        return able

    @property
    def is_leaving(self) -> bool:
        """Tell whether the venue still has to answer that it gave up what is carried no more."""
        return self._link is not None and not self._link.ended.done() and self._link.feed.is_leaving

    def resubscribe_book(self, symbol: str) -> bool:
        """Ask for a symbol's book stream again, which brings its snapshot; False when it cannot be asked now."""
        link = self._link
        if link is None or link.ended.done():
            return False
        names = [
            info.name
            for info in self.carried.streams
            if info.symbol == symbol and StreamKind.BOOK in info.kinds and link.feed.is_acknowledged(info.name)
        ]
        if names:
            link.resubscribe(names)
        return bool(names)

    async def run(self) -> None:
        """Serve until cancelled; then close the socket."""
        try:
            while True:
                if self._link is None:
                    self._link = await self._connected(hold=False)
                    self._catch_up(self._link)
                await self._serve(self._link)
        finally:
            links, self._link, self._fresh = (self._link, self._fresh), None, None
            self._around.election.forget(self._around.line, self.carried.streams)
            for link in links:
                if link is not None:
                    link.receiver.release()
                    await self._close(link)

    def reconnect(self, cause: str, detail: str) -> None:
        """Give the connection up and open another: what lies between is a gap."""
        if self._link is not None:
            self._link.fail(detail, cause)

    def replace(self, reason: str) -> None:
        """Open another connection, then close this one: nothing is missed."""
        self._replace = self._replace or reason

    def watch(self, now_ns: int) -> None:
        """Look for silence; declare it and subscribe the smallest thing again."""
        link = self._link
        if link is None or link.ended.done():
            return
        # Requests made since that nobody answers are no excuse: that is how a half-open connection looks.
        if link.acknowledged_ns and link.watchdog.is_connection_silent(now_ns, link.beat_ns):
            limit_s = self._around.limits.connection_silence_s
            self.reconnect(SILENCE, f"no data frame within connection_silence_s {limit_s:g} s")
            return
        silent = [self._silent(link, silence, now_ns) for silence in link.watchdog.check(now_ns)]
        names = dict.fromkeys(name for names in silent for name in names)
        if names:
            link.resubscribe(list(names))

    async def _connected(self, *, hold: bool) -> Link:
        """Return an open connection that subscribes; tries until it succeeds."""
        host = host_of(self._target.url)
        while True:
            address = await self._egress.room(host, self.carried.endpoint, self.carried.address, self._requests)
            try:
                link = await self._open(address, hold=hold)
            except ConnectionLostError as error:
                wait_s = self._backoff.next_s()
                if error.status in LIMITED:
                    self._egress.limited(host, address, error.status, error.told_s)
                    wait_s = 0.0
                self._tell_failed(str(error), wait_s)
                await asyncio.sleep(wait_s)
            else:
                return link

    @property
    def _requests(self) -> int:
        return len(first_requests(self._around.market, self.carried))

    async def _open(self, address: str, *, hold: bool) -> Link:
        around, began_s = self._around, clock.monotonic_s()
        connection = await open_connection(
            replace(self._target, local_address=address), self._egress.tap, self.carried.endpoint.url
        )
        took_s = clock.monotonic_s() - began_s
        pace = self._egress.pace(self.carried.endpoint, address, self._requests, took_s)
        link = Link(connection, around, self.carried, lambda: self.replace("server notice"), pace)
        link.watchdog.remember(self._alarms if self._link is None else self._link.watchdog.alarms())
        if hold or around.peers.back(self.carried.streams):
            link.receiver.hold()
        else:
            link.elect()
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
            if link.receiver.is_holding and self._is_joined(link):
                self.let_go()
            if link.feed.streaming and clock.monotonic_s() - link.opened_s > _SOUND_S:
                self._backoff.reset()
            if clock.monotonic_s() - link.opened_s > lifetime_s:
                self.replace("lifetime")
            if self._replace:
                reason, self._replace = self._replace, ""
                if await self._replaced(link, reason):
                    return

    def let_go(self) -> None:
        """Publish what the connection holds back because another line serves the same streams."""
        link = self._link
        if link is not None and link.receiver.is_holding:
            if not link.ended.done():
                link.elect()
            link.receiver.release()

    def _is_joined(self, link: Link) -> bool:
        """Tell whether a late line need not hold its frames back any more.

        They may be ahead of the other line's: published at once they would look like a break.
        """
        settings = self._around.settings
        overdue = clock.monotonic_s() - link.opened_s > settings.overlap_max_s
        full = link.receiver.held >= settings.overlap_max_frames
        graced = clock.now_ns() - link.acknowledged_ns >= settings.overlap_grace_s * NS_PER_S
        joined = bool(link.acknowledged_ns) and graced
        return joined or overdue or full or not self._around.peers.back(self.carried.streams)

    async def _replaced(self, old: Link, reason: str) -> bool:
        """Overlap with a replacement; False when it did not become ready and the old one stays."""
        self.let_go()
        try:
            fresh = await asyncio.wait_for(self._connected(hold=True), self._around.settings.overlap_max_s)
        except TimeoutError:
            return old.ended.done()
        self._fresh = fresh
        old.receiver.remember()
        self._catch_up(fresh)
        ready = await self._overlap(old, fresh)
        if not ready and not old.ended.done():
            # Its frames were received, so they are published; the old connection's own make them repeats.
            fresh.receiver.release()
            await self._close(fresh)
            self._fresh = None
            return False
        if not ready:
            # The old connection went first: what came after its last frame may lie before the new one's first.
            self._declare(old, fresh.acknowledged_ns)
        await self._close(old)
        await fresh.draw_level(old)
        fresh.succeed(old)
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
        link.ended.result()  # an unexpected error of its tasks comes out here
        self.let_go()
        self._around.peers.lose()
        self._link = None
        self._replace = ""
        self._alarms = link.watchdog.alarms()
        self._declare(link)
        self._around.election.release(self._around.line, self.carried.streams)
        await self._close(link)
        if clock.monotonic_s() - link.opened_s < _SOUND_S:
            await asyncio.sleep(self._backoff.next_s())

    def _declare(self, link: Link, to_ns: int = 0) -> None:
        """Write one gap frame per symbol before anything of the next connection, which is served since `to_ns`."""
        detail = link.ended.result()
        events.ConnectionLost(
            exchange=self._around.exchange,
            market=self._around.market.name,
            endpoint=self.carried.endpoint.name,
            conn=link.receiver.conn,
            cause=link.cause,
            detail=detail,
        ).emit()
        # A connection without a frame ends inside the gap of its predecessor.
        ended = link.receiver
        if ended.last_ns:
            self._around.declare.gap(self.carried.streams, link.cause, ended.last_ns, detail, ended.conn, to_ns)

    def _silent(self, link: Link, silence: Silence, now_ns: int) -> list[str]:
        """Declare a silence; return what is to be asked for again on this connection."""
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
            self._around.declare.gap([info], SILENCE, silence.since_ns, detail, link.receiver.conn)
            self._around.election.release(self._around.line, [info])
        if silence.remedy is Remedy.CONNECTION:
            self.reconnect(SILENCE, detail)
            return []
        if silence.remedy is Remedy.SYMBOL:
            return [one.name for one in self.carried.streams if one.symbol == info.symbol]
        return [info.name]

    def _carry(self, streams: Sequence[StreamInfo], added: Sequence[StreamInfo], gone: Sequence[StreamInfo]) -> None:
        self.carried = replace(self.carried, streams=tuple(streams))
        for link in (self._link, self._fresh):
            if link is not None:
                link.carry(streams, added, gone)

    def _catch_up(self, link: Link) -> None:
        """Give a connection the streams that came or went while it was being handed over."""
        own, wanted = link.carried.streams, self.carried.streams
        if own != wanted:
            added = [info for info in wanted if info not in own]
            link.carry(wanted, added, [info for info in own if info not in wanted])

    async def _close(self, link: Link) -> None:
        await link.stop()
        self._count_connections(-1)

    def _count_connections(self, change: int) -> None:
        metrics.ws_connections.labels(self._around.exchange, self._around.market.name).inc(change)

    def _tell_failed(self, detail: str, wait_s: float) -> None:
        events.ConnectFailed(
            exchange=self._around.exchange,
            market=self._around.market.name,
            endpoint=self.carried.endpoint.name,
            detail=detail,
            wait_s=round(wait_s, 3),
        ).emit()
