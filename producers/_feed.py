"""Think about one connection's subscriptions: what to send now, what is trusted, when to give up. Pure.

open -> subscribe, paced and in batches -> acknowledged, each within a deadline -> streaming. A stream
can be subscribed again alone, streams can come and go. What a refused batch leaves open is asked for
one by one (PROTOCOLS 4.2, 5.2); a stream refused `ATTEMPTS_MAX` times is given up and asked for again
much later; with its last stream the connection is given up, as it is when nothing is answered at all.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from exchanges import NO_REQUEST, Ack, Endpoint
from producers._channels import batches
from producers._pace import Pace

ATTEMPTS_MAX = 3
GIVEN_UP_RETRY_S = 600.0
"""Wait before a stream that was given up is asked for again."""

_NAMES_TOLD = 3


class StreamState(enum.Enum):
    """Say how far a subscription is."""

    WANTED = "wanted"
    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    RENEWED = "renewed"
    GIVEN_UP = "given up"


@dataclass(slots=True)
class _Request:
    """Hold the names that one request asks for and that are not answered yet."""

    subscribe: bool
    left: list[str]
    attempt: int = 1
    sent_s: float = 0.0
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Say how names are asked for: the two requests, which may and which should share one, what frames call them."""

    subscribe: Callable[[int, Sequence[str]], bytes]
    unsubscribe: Callable[[int, Sequence[str]], bytes]
    group: Callable[[str], str] = lambda _name: ""
    heard_as: Callable[[str], str] = lambda name: name
    unit: Callable[[str], Hashable] = lambda name: name


class Feed:
    """Hold the subscriptions of one connection; time is passed in."""

    def __init__(self, endpoint: Endpoint, streams: Sequence[str], names: Names, pace: Pace | None = None) -> None:
        """Queue the first subscriptions in batches, the endpoint's own streams before the data."""
        self._endpoint = endpoint
        self._how = names
        self._states: dict[str, StreamState] = {}
        self._known: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._retry_s: dict[str, float] = {}
        self._queue: deque[_Request] = deque()
        self._waiting: dict[int, _Request] = {}
        self._ids = count(1)
        self._pace = pace or Pace(endpoint)
        self._refusals: list[tuple[str, str]] = []
        self._renewing: list[str] = []
        self.failure = ""
        self.add([*endpoint.extra_streams, *streams])

    @property
    def streaming(self) -> bool:
        """Tell whether every stream was answered."""
        return not self._queue and not self._waiting and not self.failure

    def is_acknowledged(self, stream: str) -> bool:
        """Tell whether the venue accepted this stream."""
        return self._states.get(stream) is StreamState.ACKNOWLEDGED

    def is_given_up(self, stream: str) -> bool:
        """Tell whether the venue refused this stream for good."""
        return self._states.get(stream) is StreamState.GIVEN_UP

    @property
    def is_leaving(self) -> bool:
        """Tell whether the venue did not answer yet that it gave up what was dropped."""
        requests = (*self._queue, *self._waiting.values())
        return any(not one.subscribe and any(name not in self._states for name in one.left) for one in requests)

    def refused(self) -> list[tuple[str, str]]:
        """Return the streams given up since the last call, each with the venue's words."""
        found, self._refusals = self._refusals, []
        return found

    def renewing(self) -> list[str]:
        """Return the streams of which the requests due since the last call give up what is asked for again."""
        found, self._renewing = self._renewing, []
        return found

    def add(self, streams: Iterable[str]) -> None:
        """Ask for further streams."""
        wanted = [name for name in streams if name not in self._states]
        for name in wanted:
            self._states[name] = StreamState.WANTED
            self._known[self._how.heard_as(name)] = self._known[name] = name
        self._enqueue(wanted, subscribe=True)

    def drop(self, streams: Iterable[str]) -> None:
        """Give streams up for good."""
        leaving: list[str] = []
        for name in streams:
            state = self._states.pop(name, None)
            if state not in {None, StreamState.WANTED, StreamState.GIVEN_UP}:
                leaving.append(name)
            self._attempts.pop(name, None)
            self._retry_s.pop(name, None)
        self._forget_queued()
        self._enqueue(leaving, subscribe=False)

    def resubscribe(self, streams: Iterable[str]) -> None:
        """Give streams up and ask for them again, and for nothing else; each batch at once, to miss little."""
        wanted = [name for name in streams if self.is_acknowledged(name)]
        self._mark(wanted, StreamState.RENEWED)
        for batch in self._batches(wanted):
            self._queue.append(_Request(subscribe=False, left=batch))
            self._queue.append(_Request(subscribe=True, left=list(batch)))

    def to_send(self, now_s: float) -> list[bytes]:
        """Return the requests due now, at the venue's pace; look for answers that are overdue."""
        for request_id, request in list(self._waiting.items()):
            if now_s - request.sent_s > self._endpoint.ack_timeout_s:
                del self._waiting[request_id]
                self._unanswered(request, f"no answer within {self._endpoint.ack_timeout_s:g} s", now_s)
        for name in [name for name, due_s in self._retry_s.items() if due_s <= now_s]:
            del self._retry_s[name]
            self._attempts[name] = ATTEMPTS_MAX - 1
            self._mark([name], StreamState.WANTED)
            self._enqueue([name], subscribe=True)
        if not self._queue or self.failure or not self._pace.take(now_s):
            return []
        request = self._queue.popleft()
        request.sent_s = now_s
        request_id = next(self._ids)
        self._waiting[request_id] = request
        if request.subscribe:
            self._mark(request.left, StreamState.REQUESTED)
        else:
            self._renewing += [name for name in request.left if self._states.get(name) is StreamState.RENEWED]
        encode = self._how.subscribe if request.subscribe else self._how.unsubscribe
        return [encode(request_id, tuple(request.left))]

    def on_ack(self, ack: Ack, now_s: float = 0.0) -> tuple[str, ...]:
        """Take an answer; return the streams it made trustworthy."""
        if ack.lists_all and not ack.error:
            return self._listed({self._known.get(name, name) for name in ack.streams})
        named = [self._known[name] for name in ack.streams if name in self._known]
        if named:
            return self._named(ack, named, now_s)
        if ack.streams and not ack.error:
            return ()
        request_id = self._answered_by(ack)
        if request_id is None:
            return ()
        request = self._waiting.pop(request_id)
        if ack.error:
            self._failed(request, ack.error, now_s)
            return ()
        return self._accept(request.left) if request.subscribe else ()

    def _answered_by(self, ack: Ack) -> int | None:
        if ack.request_id != NO_REQUEST:
            return ack.request_id if ack.request_id in self._waiting else None
        # An answer that names no request of ours is about the oldest one.
        fitting = (number for number, one in self._waiting.items() if ack.error or one.subscribe is ack.subscribed)
        return next(fitting, None)

    def _named(self, ack: Ack, names: Sequence[str], now_s: float) -> tuple[str, ...]:
        """Take an answer about single streams, whichever request they stood in."""
        accepted: list[str] = []
        for name in names:
            request_id = self._holding(ack, name)
            if request_id is None:
                # PROTOCOLS 5.2: it may come after an error without a name sent the rest on alone.
                if not ack.error and ack.subscribed and self._states.get(name) is StreamState.WANTED:
                    accepted.append(name)
                continue
            request = self._waiting[request_id]
            request.left.remove(name)
            request.answered = True
            if not request.left:
                del self._waiting[request_id]
            if ack.error:
                self._failed(_Request(request.subscribe, [name], request.attempt), ack.error, now_s)
            elif request.subscribe:
                accepted.append(name)
        trusted = self._accept(accepted)
        self._forget_queued()
        return trusted

    def _holding(self, ack: Ack, name: str) -> int | None:
        own = self._waiting.get(ack.request_id)
        if own is not None and name in own.left:
            return ack.request_id
        fitting = (
            number
            for number, one in self._waiting.items()
            if name in one.left and (ack.error or one.subscribe is ack.subscribed)
        )
        return next(fitting, None)

    def _listed(self, active: set[str]) -> tuple[str, ...]:
        """Take a list of all active streams; answers come in the order of the requests."""
        accepted: list[str] = []
        leaving: set[str] = set()
        for request_id, request in list(self._waiting.items()):
            if request.subscribe:
                granted = [name for name in request.left if name in active and name not in leaving]
                request.left = [name for name in request.left if name not in granted]
                request.answered = request.answered or bool(granted)
                accepted += granted
            else:
                request.left = [name for name in request.left if name in active]
                leaving.update(request.left)
            if not request.left:
                del self._waiting[request_id]
        return self._accept(accepted)

    def _accept(self, names: Iterable[str]) -> tuple[str, ...]:
        accepted = tuple(name for name in names if name in self._states)
        self._mark(accepted, StreamState.ACKNOWLEDGED)
        for name in accepted:
            self._attempts.pop(name, None)
        return accepted

    def _unanswered(self, request: _Request, detail: str, now_s: float) -> None:
        """Ask again for a whole request of which nothing is known."""
        wanted = [name for name in request.left if name in self._states]
        if not request.subscribe or request.answered or not wanted:
            self._failed(request, detail, now_s)
        elif request.attempt < ATTEMPTS_MAX:
            self._queue.append(_Request(subscribe=True, left=wanted, attempt=request.attempt + 1))
        elif StreamState.ACKNOWLEDGED in self._states.values():
            self._give_up(wanted, detail, now_s)
        else:
            self.failure = _told(wanted, detail)

    def _failed(self, request: _Request, detail: str, now_s: float) -> None:
        """Ask again one by one; a stream refused too often is given up."""
        if not request.subscribe:
            # One that is wanted again is asked for in the next request, whatever this answer said.
            leaving = [name for name in request.left if name not in self._states]
            if leaving and request.attempt < ATTEMPTS_MAX:
                self._queue.append(_Request(subscribe=False, left=leaving, attempt=request.attempt + 1))
            return
        spent: list[str] = []
        for name in request.left:
            if name not in self._states:
                continue
            attempts = self._attempts[name] = max(self._attempts.get(name, 0), request.attempt - 1) + 1
            if attempts >= ATTEMPTS_MAX:
                spent.append(name)
            else:
                self._mark([name], StreamState.WANTED)
                self._queue.append(_Request(subscribe=True, left=[name]))
        if spent:
            self._give_up(spent, detail, now_s)

    def _give_up(self, names: Sequence[str], detail: str, now_s: float) -> None:
        self._mark(names, StreamState.GIVEN_UP)
        for name in names:
            self._attempts.pop(name, None)
            self._retry_s[name] = now_s + GIVEN_UP_RETRY_S
            self._refusals.append((name, detail))
        data = [state for name, state in self._states.items() if name not in self._endpoint.extra_streams]
        if all(state is StreamState.GIVEN_UP for state in data):
            self.failure = _told(names, detail)

    def _enqueue(self, streams: Sequence[str], *, subscribe: bool) -> None:
        self._queue.extend(_Request(subscribe, batch) for batch in self._batches(streams))

    def _batches(self, streams: Iterable[str]) -> list[list[str]]:
        return batches(streams, self._endpoint.streams_per_request_max, self._how.group, self._how.unit)

    def _forget_queued(self) -> None:
        """Take out of the queue what needs no subscription any more."""
        settled = {StreamState.ACKNOWLEDGED, None}
        for request in self._queue:
            if request.subscribe:
                request.left = [name for name in request.left if self._states.get(name) not in settled]
        self._queue = deque(request for request in self._queue if request.left)

    def _mark(self, streams: Iterable[str], state: StreamState) -> None:
        self._states.update(dict.fromkeys(streams, state))


def _told(names: Sequence[str], detail: str) -> str:
    return f"subscribing to {', '.join(names[:_NAMES_TOLD])} ({len(names)} streams): {detail}"
