"""Think about one connection's subscriptions: what to send now, what is trusted, when to give up. Pure.

open -> subscribe, paced and in batches -> acknowledged, each within a deadline -> streaming. A stream
can be subscribed again alone; a request that is refused or not answered is tried again, and after
`attempts_max` the connection is given up.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exchanges import Ack, Endpoint

ATTEMPTS_MAX = 3
_RATE_SHARE = 0.8
"""Share of the venue's message limit we use: pings and pongs count against it too."""


class StreamState(enum.Enum):
    """Say how far a subscription is."""

    WANTED = "wanted"
    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"


@dataclass(slots=True)
class _Request:
    subscribe: bool
    streams: tuple[str, ...]
    attempt: int
    sent_s: float = 0.0


class Feed:
    """Hold the subscriptions of one connection; time is passed in."""

    def __init__(
        self,
        endpoint: Endpoint,
        streams: Sequence[str],
        subscribe: Callable[[int, Sequence[str]], bytes],
        unsubscribe: Callable[[int, Sequence[str]], bytes],
    ) -> None:
        """Queue the first subscriptions in batches."""
        self._endpoint = endpoint
        self._encode = {True: subscribe, False: unsubscribe}
        self._states = dict.fromkeys(streams, StreamState.WANTED)
        self._queue: deque[_Request] = deque()
        self._waiting: dict[int, _Request] = {}
        self._next_id = 1
        self._last_sent_s = float("-inf")
        self.failure = ""
        self._enqueue(list(streams), subscribe=True, attempt=1)

    @property
    def streaming(self) -> bool:
        """Tell whether every stream was acknowledged."""
        return not self._queue and not self._waiting and not self.failure

    def is_acknowledged(self, stream: str) -> bool:
        """Tell whether the venue accepted this stream."""
        return self._states.get(stream) is StreamState.ACKNOWLEDGED

    def resubscribe(self, streams: Iterable[str]) -> None:
        """Give streams up and ask for them again, and for nothing else."""
        wanted = [name for name in streams if self.is_acknowledged(name)]
        if wanted:
            self._enqueue(wanted, subscribe=False, attempt=1)
            self._enqueue(wanted, subscribe=True, attempt=1)

    def to_send(self, now_s: float) -> list[bytes]:
        """Return the requests due now, at the venue's pace; look for answers that are overdue."""
        for request_id, request in list(self._waiting.items()):
            if now_s - request.sent_s > self._endpoint.ack_timeout_s:
                self._failed(request_id, f"no answer within {self._endpoint.ack_timeout_s:g} s")
        frames: list[bytes] = []
        if self._queue and not self.failure and now_s - self._last_sent_s >= self._pace_s:
            request = self._queue.popleft()
            request.sent_s = now_s
            self._waiting[self._next_id] = request
            frames.append(self._encode[request.subscribe](self._next_id, request.streams))
            self._next_id += 1
            self._last_sent_s = now_s
            if request.subscribe:
                self._mark(request.streams, StreamState.REQUESTED)
        return frames

    def on_ack(self, ack: Ack) -> tuple[str, ...]:
        """Take an answer; return the streams it made trustworthy."""
        if ack.error:
            # An answer that names no request of ours is about the oldest one.
            request_id = ack.request_id if ack.request_id in self._waiting else min(self._waiting, default=0)
            if request_id:
                self._failed(request_id, ack.error)
            return ()
        request = self._waiting.pop(ack.request_id, None)
        if request is None or not request.subscribe:
            return ()
        self._mark(request.streams, StreamState.ACKNOWLEDGED)
        return request.streams

    @property
    def _pace_s(self) -> float:
        return 1.0 / (self._endpoint.messages_per_s * _RATE_SHARE)

    def _enqueue(self, streams: list[str], *, subscribe: bool, attempt: int) -> None:
        step = self._endpoint.streams_per_request_max
        for start in range(0, len(streams), step):
            self._queue.append(_Request(subscribe, tuple(streams[start : start + step]), attempt))

    def _failed(self, request_id: int, detail: str) -> None:
        request = self._waiting.pop(request_id)
        if request.attempt >= ATTEMPTS_MAX:
            verb = "subscribing to" if request.subscribe else "unsubscribing from"
            self.failure = f"{verb} {', '.join(request.streams[:3])} ({len(request.streams)} streams): {detail}"
            return
        self._enqueue(list(request.streams), subscribe=request.subscribe, attempt=request.attempt + 1)

    def _mark(self, streams: Iterable[str], state: StreamState) -> None:
        self._states.update(dict.fromkeys(streams, state))
