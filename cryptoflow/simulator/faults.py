"""The fault plan: which fault comes after how many frames, on which stream. Seeded, spaced, noted.

Every fault is noted in the ledger with what it did. A fault waits until what it would hit has
recovered from the one before: nobody lacks a stream, and a book that lost a frame has had its
snapshot.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

from cryptoflow import clock
from cryptoflow.simulator._garbage import VARIANTS
from cryptoflow.simulator.hub import Client, Hub
from cryptoflow.simulator.outlet import Armed, Outlet
from cryptoflow.simulator.rest import RestFaults

_ALONE = ("disconnect", "ack_silent")
_LASTING = ("silence", "ack_silent")
_ID_CHANNELS = ("aggTrade", "trade", "depth")
_HEARD_MIN_FRAMES = 50
"""Frames of a stream before it may fall silent: watchdogs learn its rate from them (markPrice has a period)."""

_WATCHED_CHANNELS = ("aggTrade", "bookTicker", "depth", "markPrice")


class FaultPlan:
    """Inject faults between batches, in a fixed order of kinds.

    `snapshot_now` gives a book to answer later as stale, None when there is none to give.
    """

    def __init__(  # noqa: PLR0913 - what faults act on
        self,
        outlet: Outlet,
        hub: Hub,
        rest: RestFaults,
        *,
        faults: Sequence[str],
        interval_frames: int,
        seed: int,
        silence_s: float,
        snapshot_now: Callable[[str], bytes | None],
    ) -> None:
        """Draw the first fault."""
        self._outlet, self._hub, self._rest = outlet, hub, rest
        self._rng = random.Random(f"faults/{seed}")  # noqa: S311 - a plan, not a secret
        self._kinds = list(faults)
        self._wanted = frozenset(faults)
        self._interval = interval_frames
        self._silence_s = silence_s
        self._snapshot_now = snapshot_now
        self._variant = 0
        self._used: dict[str, int] = {}
        self._heard_before: dict[str, int] = {}
        self._silences: dict[str, float] = {}
        self._mute: str = ""
        self._muted: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._next_at = self._draw(0)
        hub.on_subscribe = self._on_subscribe

    def _draw(self, after: int) -> int:
        return after + int(self._interval * (0.5 + self._rng.random()))

    @property
    def healed(self) -> bool:
        """Tell whether no fault is waiting or lasting."""
        return not (self._outlet.armed or self._outlet.held or self._muted or self._mute or self._hub.why)

    @property
    def complete(self) -> bool:
        """Tell whether every kind of fault has happened."""
        return self._wanted <= self.counts.keys()

    @property
    def books_recovered(self) -> bool:
        """Tell whether every book that lost frames has had a fresh snapshot."""
        return not self._rest.awaited

    def end(self) -> None:
        """Inject nothing more; what lasts goes on until it heals."""
        self._kinds = []

    async def between(self, expected: Sequence[str]) -> None:
        """End silences that lasted long enough and inject the next fault when it is due."""
        now = clock.monotonic_s()
        for stream in [name for name, until in self._silences.items() if now >= until]:
            self._end_silence(stream, "time")
        if not self._kinds or self._outlet.offered < self._next_at or self._down(expected):
            return
        able = next((kind for kind in self._kinds if self._is_able(kind, expected)), None)
        if able is not None:
            # Kinds that have to wait keep their place at the head of the line.
            self._kinds.remove(able)
            self._kinds.append(able)
            self._next_at = self._draw(self._outlet.offered)
            await self._inject(able, expected)

    def _down(self, expected: Sequence[str]) -> bool:
        """Tell whether somebody is about to come back for a stream; a muted one is not waited for."""
        return any(stream not in self._muted for stream in self._hub.lost(expected))

    def _is_able(self, kind: str, expected: Sequence[str]) -> bool:
        """Tell whether a fault of a kind would hit only what is in good health; one silence lasts at a time."""
        if kind in _LASTING and (self._silences or self._muted or self._mute):
            return False
        return kind not in _ALONE or bool(self._healthy(expected))

    def _healthy(self, expected: Sequence[str]) -> list[Client]:
        """List the connections that carry market data and on which nothing is wrong."""
        if self._mute:
            return []
        wanted = set(expected)
        ill = {*self._outlet.armed, *self._outlet.held, *self._muted}
        clients = [self._hub.clients[number] for number in sorted(self._hub.clients)]
        return [one for one in clients if not wanted.isdisjoint(one.streams) and ill.isdisjoint(one.streams)]

    async def _inject(self, kind: str, expected: Sequence[str]) -> None:
        if kind in _ALONE:
            await self._cut(kind, expected)
            return
        channels = {
            "gap": _ID_CHANNELS, "silence": _WATCHED_CHANNELS, "stale": ("depth",), "429": ("depth",),
        }.get(kind, ())  # fmt: skip
        stream = self._pick(expected, channels)
        if not stream:
            return
        told = self._arm(kind, stream)
        if told is None:
            return
        self._note(kind, stream=stream, **told)

    def _arm(self, kind: str, stream: str) -> dict[str, object] | None:
        armed = self._outlet.armed
        symbol = stream.partition("@")[0].upper()
        depth = "@depth" in stream
        if kind == "silence":
            self._outlet.held[stream] = b"silence"
            self._silences[stream] = clock.monotonic_s() + self._silence_s
        elif kind == "garbage":
            variant = VARIANTS[self._variant % len(VARIANTS)]
            self._variant += 1
            armed[stream] = Armed("garbage", 1, variant)
        elif kind == "duplicate":
            armed[stream] = Armed("duplicate")
            return {}
        elif kind == "stale":
            body = self._snapshot_now(symbol)
            if body is None:
                return None
            self._rest.stale[symbol] = body
            # Two frames: a book that stands inside the only missing frame would still splice.
            armed[stream] = Armed("gap", 2)
        else:
            if kind == "429":
                self._rest.refuse += 2
            armed[stream] = Armed("gap", 1 + int(self._rng.random() * 3))
        if depth:
            self._rest.awaited.add(symbol)
        return {"frames": armed[stream].left} if stream in armed else {}

    async def _cut(self, kind: str, expected: Sequence[str]) -> None:
        clients = self._healthy(expected)
        client = clients[self.counts[kind] % len(clients)]
        streams = sorted(set(expected).intersection(client.streams))
        if kind == "ack_silent":
            candidates = [name for name in streams if name.partition("@")[2].startswith(_WATCHED_CHANNELS)]
            if not candidates:
                return
            self._mute = self._rng.choice(candidates)
        abort = self._rng.choice((True, False))
        self._note(kind, conn=client.number, stream=self._mute, abort=abort)
        self._rest.awaited.update(name.partition("@")[0].upper() for name in streams if "@depth" in name)
        await self._hub.cut(client, abort=abort)

    def _pick(self, expected: Sequence[str], channels: Sequence[str]) -> str:
        """Choose, among streams in good health, one of those used least."""
        outlet = self._outlet
        ill = {name.partition("@")[0] for name in (*outlet.armed, *outlet.held, *self._muted)}
        able = []
        for stream in expected:
            if stream not in self._hub.asked:
                continue
            symbol, _, channel = stream.partition("@")
            if symbol in ill or (channels and not channel.startswith(tuple(channels))):
                continue
            if channels == _WATCHED_CHANNELS and not self._is_known(stream):
                continue
            if channel == "forceOrder" or (channel.startswith("depth") and symbol.upper() in self._rest.awaited):
                continue
            able.append(stream)
        if not able:
            return ""
        least = min(self._used.get(stream, 0) for stream in able)
        stream = self._rng.choice([name for name in able if self._used.get(name, 0) == least])
        self._used[stream] = self._used.get(stream, 0) + 1
        return stream

    def _is_known(self, stream: str) -> bool:
        heard = self._outlet.streams[stream] - self._heard_before.get(stream, 0)
        return heard >= _HEARD_MIN_FRAMES or "@markPrice" in stream

    def _on_subscribe(self, client: Client, stream: str) -> bool:
        """Answer whether data will flow: a subscription chosen for it is acked and stays silent."""
        del client
        self._heard_before[stream] = self._outlet.streams[stream]
        if stream in self._silences:
            self._end_silence(stream, "subscribed")
        if stream == self._mute:
            self._mute = ""
            self._muted.add(stream)
            self._hub.why[stream] = b"ack_silent"
            self._hub.asked.add(stream)
            return False
        self._muted.discard(stream)
        return True

    def _end_silence(self, stream: str, by: str) -> None:
        del self._silences[stream]
        self._outlet.held.pop(stream, None)
        self._outlet.ledger.event("silence_end", stream=stream, by=by)

    def _note(self, kind: str, **told: object) -> None:
        self.counts[kind] += 1
        self._outlet.ledger.event("fault", kind=kind, **told)
