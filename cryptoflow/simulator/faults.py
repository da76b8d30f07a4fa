"""The fault plan: which fault comes after how many frames, on which stream. Seeded, spaced, noted.

Every fault is noted in the ledger with what it did. A fault waits until what it would hit has
recovered from the one before: nobody lacks a stream, and a book that lost a frame has had its
snapshot.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from cryptoflow import clock
from cryptoflow.simulator._garbage import VARIANTS, spoil
from cryptoflow.simulator.client import Client
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.outlet import Armed, Outlet
from cryptoflow.simulator.rest import RestFaults
from cryptoflow.simulator.troubles import TROUBLES, Troubles
from cryptoflow.simulator.venues import venue_of
from cryptoflow.simulator.venues._values import Channel
from cryptoflow.simulator.venues._venue import Venue

_ALONE = ("disconnect", "ack_silent", *TROUBLES)
_LASTING = ("silence", "ack_silent")
_OF_BOOKS = ("stale", "429", "418", "403", "checksum", "crossed")
_REFUSALS = {"429": (429, 429), "418": (418,), "403": (403,)}
"""What the next requests for a venue's books are answered."""

_HEARD_MIN_FRAMES = 50
"""Frames of a stream before it may fall silent: watchdogs learn its rate from them (unless it has a period)."""


class FaultPlan:
    """Inject faults between batches, in a fixed order of kinds.

    `snapshot_now` gives a book to answer later as stale, None when there is none to give; `cross` crosses
    the book of a stream for one frame, False where that cannot be.
    """

    def __init__(  # noqa: PLR0913 - what faults act on
        self,
        outlet: Outlet,
        hub: Hub,
        rest: RestFaults,
        *,
        channels: Mapping[str, Channel],
        faults: Sequence[str],
        interval_frames: int,
        seed: int,
        silence_s: float,
        snapshot_now: Callable[[str, str], bytes | None],
        cross: Callable[[str], bool],
    ) -> None:
        """Draw the first fault."""
        self._outlet, self._hub, self._rest = outlet, hub, rest
        self._channels = channels
        self._rng = random.Random(f"faults/{seed}")  # noqa: S311 - a plan, not a secret
        self._kinds = [kind for kind in faults if any(_can_have(one, kind) for one in channels.values())]
        self._wanted = frozenset(self._kinds)
        self._interval = interval_frames
        self._silence_s = silence_s
        self._snapshot_now = snapshot_now
        self._cross = cross
        self._troubles = Troubles(hub, channels, self._rng)
        self._variant = 0
        self._used: dict[str, int] = {}
        self._heard_before: dict[str, int] = {}
        self._silences: dict[str, float] = {}
        self._mute: str = ""
        self._muted: set[str] = set()
        self._turns: Counter[tuple[str, str]] = Counter()
        self.counts: Counter[str] = Counter()
        self._next_at = self._draw(0)
        hub.on_subscribe = self._on_subscribe

    def _draw(self, after: int) -> int:
        return after + int(self._interval * (0.5 + self._rng.random()))

    @property
    def healed(self) -> bool:
        """Tell whether no fault is waiting or lasting."""
        outlet = self._outlet
        waiting = outlet.armed or outlet.held or self._muted or self._mute or self._hub.why
        return not waiting and self._troubles.healed

    @property
    def complete(self) -> bool:
        """Tell whether every kind of fault that some stream can have has happened."""
        return self._wanted <= self.counts.keys()

    @property
    def books_recovered(self) -> bool:
        """Tell whether every book that lost frames has had a fresh snapshot."""
        return not self._rest.awaited

    def end(self) -> None:
        """Inject nothing more; what lasts goes on until it heals."""
        self._kinds = []

    async def between(self) -> None:
        """End silences that lasted long enough and inject the next fault when it is due."""
        now = clock.monotonic_s()
        for key in [name for name, until in self._silences.items() if now >= until]:
            self._end_silence(key, "time")
        await self._troubles.between()
        if not self._kinds or self._outlet.offered < self._next_at or self._down():
            return
        able = self._next()
        if able is not None:
            # Kinds that have to wait keep their place at the head of the line.
            self._kinds.remove(able)
            self._kinds.append(able)
            self._next_at = self._draw(self._outlet.offered)
            await self._inject(able)

    def _next(self) -> str | None:
        """Return the first kind that can be now.

        While one waits for a whole book no connection is cut; while one waits for quiet to end none begins.
        """
        held: set[str] = set()
        for kind in self._kinds:
            if kind not in held and self._is_able(kind):
                return kind
            held.update(_ALONE if kind in _OF_BOOKS else ())
            held.update(_LASTING if kind in _LASTING else ())
        return None

    def _down(self) -> bool:
        """Tell whether somebody is about to come back for a stream; a muted one is not waited for."""
        return any(key not in self._muted for key in self._hub.lost(self._channels))

    def _is_able(self, kind: str) -> bool:
        """Tell whether a fault of a kind would hit only what is in good health; one silence lasts at a time."""
        if kind in _LASTING and (self._silences or self._muted or self._mute):
            return False
        return bool(self._healthy(kind) if kind in _ALONE else self._able(kind))

    def _healthy(self, kind: str) -> list[Client]:
        """List the connections that carry market data, on which nothing is wrong and that can have such a fault."""
        if self._mute or self._troubles.clients:
            return []
        ill = {*self._outlet.armed, *self._outlet.held, *self._muted}
        clients = [self._hub.clients[number] for number in sorted(self._hub.clients)]
        return [
            one
            for one in clients
            if not self._channels.keys().isdisjoint(one.subscribed)
            and ill.isdisjoint(one.subscribed)
            and _knows(one.venue, kind)
            and (kind != "ack_silent" or self._watched(one))
        ]

    def _watched(self, client: Client) -> list[str]:
        """List a connection's streams whose silence is noticed."""
        return [key for key in sorted(self._channels.keys() & client.subscribed.keys()) if self._channels[key].watched]

    async def _inject(self, kind: str) -> None:
        if kind in _ALONE:
            await self._cut(kind)
            return
        key = self._pick(kind)
        if not key:
            return
        told = self._arm(kind, key)
        if told is not None:
            self._note(kind, stream=key, **told)

    def _arm(self, kind: str, key: str) -> dict[str, object] | None:
        armed = self._outlet.armed
        channel = self._channels[key]
        market = key.partition(" ")[0]
        if kind == "silence":
            self._outlet.held[key] = b"silence"
            self._silences[key] = clock.monotonic_s() + self._silence_s
        elif kind == "garbage":
            armed[key] = self._garbage(market)
        elif kind == "duplicate":
            armed[key] = Armed("duplicate")
            return {}
        elif kind == "reorder":
            armed[key] = Armed("reorder", 2)
        elif kind == "stale":
            body = self._snapshot_now(market, channel.symbol)
            if body is None:
                return None
            self._rest.stale[market, channel.symbol] = body
            # Two frames: a book that stands inside the only missing frame would still splice.
            armed[key] = Armed("gap", 2)
        elif kind == "checksum":
            armed[key] = Armed("checksum", change=venue_of(market).miscounted)
        elif kind == "crossed":
            return self._cross_book(key)
        else:
            self._rest.refuse[market.partition(".")[0]].extend(_REFUSALS.get(kind, ()))
            armed[key] = Armed("gap", 1 + int(self._rng.random() * 3))
        # Of a book without numbers nobody knows that it was in a frame that cannot be read at all.
        if channel.is_book and (channel.numbered or kind != "garbage"):
            self._rest.awaited.add((market, channel.symbol))
        return {"frames": armed[key].left} if key in armed else {}

    def _cross_book(self, key: str) -> dict[str, object] | None:
        if not self._cross(key):
            return None
        self._outlet.ledger.event("broken", stream=key, why="crossed")
        if venue_of(key.partition(" ")[0]).resyncs_crossed:
            self._rest.awaited.add(self._book_of(key))
        return {}

    def _garbage(self, market: str) -> Armed:
        variant = VARIANTS[self._variant % len(VARIANTS)]
        self._variant += 1
        venue = venue_of(market)
        numbers, fields = venue.number_pattern, venue.field_pattern
        garble = functools.partial(spoil, variant=variant, numbers=numbers, fields=fields)
        return Armed("garbage", 1, variant, garble=garble)

    async def _cut(self, kind: str) -> None:
        # Venues take turns, so that a long run of many has every trouble at each.
        client = min(self._healthy(kind), key=lambda one: (self._turns[kind, one.venue.prefix], one.number))
        self._turns[kind, client.venue.prefix] += 1
        keys = sorted(self._channels.keys() & client.subscribed.keys())
        if kind in TROUBLES:
            if await self._troubles.bring(kind, client, self._note):
                self._await_books(keys)
            return
        if kind == "ack_silent":
            self._mute = self._rng.choice(self._watched(client))
        how = self._rng.choice(("abort", "close"))
        self._note(kind, conn=client.number, stream=self._mute, how=how)
        self._await_books(keys)
        await self._hub.cut(client, how=how)

    def _await_books(self, keys: Sequence[str]) -> None:
        """Expect a fresh snapshot of every book among the streams."""
        found = [key for key in keys if self._channels[key].is_book]
        self._rest.awaited.update((key.partition(" ")[0], self._channels[key].symbol) for key in found)

    def _able(self, kind: str) -> list[str]:
        """List the streams in good health that can have a fault of a kind."""
        outlet = self._outlet
        ill = {self._book_of(key) for key in (*outlet.armed, *outlet.held, *self._muted)}
        troubled = {key for client in self._troubles.clients for key in client.subscribed}
        able = []
        for key, channel in self._channels.items():
            if key not in self._hub.asked or self._book_of(key) in ill or not _can_have(channel, kind):
                continue
            if key in troubled:
                continue
            if kind == "silence" and not self._is_known(channel):
                continue
            if channel.kinds == ("liquidations",) or (channel.is_book and self._book_of(key) in self._rest.awaited):
                continue
            able.append(key)
        return able

    def _pick(self, kind: str) -> str:
        """Choose one of the streams used least."""
        able = self._able(kind)
        if not able:
            return ""
        least = min(self._used.get(key, 0) for key in able)
        key = self._rng.choice([name for name in able if self._used.get(name, 0) == least])
        self._used[key] = self._used.get(key, 0) + 1
        return key

    def _book_of(self, key: str) -> tuple[str, str]:
        return key.partition(" ")[0], self._channels[key].symbol

    def _is_known(self, channel: Channel) -> bool:
        heard = self._outlet.streams[channel.key] - self._heard_before.get(channel.key, 0)
        return heard >= _HEARD_MIN_FRAMES or channel.periodic

    def _on_subscribe(self, client: Client, key: str) -> bool:
        """Answer whether data will flow: a subscription chosen for it is acked and stays silent."""
        del client
        self._heard_before[key] = self._outlet.streams[key]
        if key in self._silences:
            self._end_silence(key, "subscribed")
        if key == self._mute:
            self._mute = ""
            self._muted.add(key)
            self._hub.why[key] = b"ack_silent"
            self._hub.asked.add(key)
            return False
        self._muted.discard(key)
        channel = self._channels.get(key)
        if channel is not None and channel.is_book and channel.snapshots:
            self._rest.awaited.discard(self._book_of(key))
        return True

    def _end_silence(self, key: str, by: str) -> None:
        del self._silences[key]
        self._outlet.held.pop(key, None)
        self._outlet.ledger.event("silence_end", stream=key, by=by)

    def _note(self, kind: str, **told: object) -> None:
        self.counts[kind] += 1
        self._outlet.ledger.event("fault", kind=kind, **told)


def _any(_channel: Channel) -> bool:
    return True


_SUITS: dict[str, Callable[[Channel], bool]] = {
    "gap": lambda channel: channel.numbered,
    "reorder": lambda channel: channel.numbered and (not channel.is_book or _venue(channel).orders_books),
    "silence": lambda channel: channel.watched,
    "stale": lambda channel: channel.is_book and not channel.snapshots,
    **dict.fromkeys(_REFUSALS, lambda channel: channel.is_book and not channel.snapshots),
    "checksum": lambda channel: channel.is_book,
    "crossed": lambda channel: channel.is_book,
}


def _can_have(channel: Channel, kind: str) -> bool:
    return _SUITS.get(kind, _any)(channel) and _knows(_venue(channel), kind)


def _venue(channel: Channel) -> Venue:
    return venue_of(channel.key.partition(" ")[0])


def _knows(venue: Venue, kind: str) -> bool:
    """Tell whether such a fault can happen at a venue."""
    if kind == "checksum":
        return type(venue).miscounted is not Venue.miscounted
    return kind not in venue.unable and (kind != "day" or venue.limits.lifetime_s is not None)
