"""Keep requests within the venue's message rate and a connection's within its hourly limit. Pure."""

from __future__ import annotations

from collections import deque

from exchanges import Endpoint

_RATE_SHARE = 0.8
"""Share of the venue's message limit we use: pings and pongs count against it too."""
_HOUR_S = 3600.0
_AHEAD_S = 1.0
"""A connection may open so long before the requests of those before it are sent: opening takes time."""
_ASKS_S = 1.0
"""A connection asks for its turn many times a second; one that did not for so long has ended."""


def least_s(endpoint: Endpoint) -> float:
    """Return the least time between two requests of one connection, or of one address [s]."""
    return 1.0 / (endpoint.messages_per_s * _RATE_SHARE)


class Distance:
    """Keep requests apart: those of one connection, or of all from one address.

    Of several connections the one that sent the fewest goes first: venues close one that subscribes
    nothing within seconds (PROTOCOLS 6.2.2). So that there are never more of these than can be served in
    time, a connection is promised its first requests before it opens, and the next opens when they are due.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the rate."""
        self._least_s = least_s(endpoint)
        self._last_s = float("-inf")
        self._promised_until_s = float("-inf")
        self._asking: dict[Pace, tuple[int, float]] = {}

    def wait_s(self, now_s: float) -> float:
        """Return how long a further connection is to wait for the requests of those before it."""
        return max(self._promised_until_s - _AHEAD_S - now_s, 0.0)

    def promise(self, now_s: float, requests: int) -> None:
        """Keep the time of a connection's first requests; one that fails to open has spent them, too."""
        self._promised_until_s = max(self._promised_until_s, now_s) + requests * self._least_s

    def opened(self, now_s: float, requests: int, took_s: float) -> None:
        """Keep it once more for a connection that took so long to open that its time has passed."""
        if took_s > _AHEAD_S:
            self.promise(now_s, requests)

    def take(self, now_s: float, pace: Pace, sent: int) -> bool:
        """Tell whether a connection that sent so many requests may send one now; True takes its place."""
        self._asking[pace] = sent, now_s
        if now_s - self._last_s < self._least_s:
            return False
        self._asking = {one: asked for one, asked in self._asking.items() if now_s - asked[1] < _ASKS_S}
        if min(self._asking.values())[0] < sent:
            return False
        self._last_s = now_s
        del self._asking[pace]
        return True


class Pace:
    """Say when the next request may leave."""

    def __init__(self, endpoint: Endpoint, distance: Distance | None = None) -> None:
        """Take the limits, and the distance that is kept with other connections."""
        self._distance = distance or Distance(endpoint)
        self._hourly = endpoint.requests_per_hour_max
        self._sent: deque[float] = deque()
        self._count = 0

    def take(self, now_s: float) -> bool:
        """Tell whether a request may leave now; True takes its place."""
        while self._sent and now_s - self._sent[0] >= _HOUR_S:
            self._sent.popleft()
        if self._hourly is not None and len(self._sent) >= self._hourly:
            return False
        if not self._distance.take(now_s, self, self._count):
            return False
        self._count += 1
        if self._hourly is not None:
            self._sent.append(now_s)
        return True
