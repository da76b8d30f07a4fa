"""Keep requests within the venue's message rate and a connection's within its hourly limit. Pure."""

from __future__ import annotations

from collections import deque

from exchanges import Endpoint

_RATE_SHARE = 0.8
"""Share of the venue's message limit we use: pings and pongs count against it too."""
_HOUR_S = 3600.0


def least_s(endpoint: Endpoint) -> float:
    """Return the least time between two requests of one connection, or of one address [s]."""
    return 1.0 / (endpoint.messages_per_s * _RATE_SHARE)


class Distance:
    """Keep requests apart: those of one connection, or of all from one address."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the rate."""
        self._least_s = least_s(endpoint)
        self._last_s = float("-inf")

    def is_kept(self, now_s: float) -> bool:
        """Tell whether the last request is long enough ago."""
        return now_s - self._last_s >= self._least_s

    def take(self, now_s: float) -> None:
        """Note a request."""
        self._last_s = now_s


class Pace:
    """Say when the next request may leave."""

    def __init__(self, endpoint: Endpoint, distance: Distance | None = None) -> None:
        """Take the limits, and the distance that is kept with other connections."""
        self._distance = distance or Distance(endpoint)
        self._hourly = endpoint.requests_per_hour_max
        self._sent: deque[float] = deque()

    def take(self, now_s: float) -> bool:
        """Tell whether a request may leave now; True takes its place."""
        if not self._distance.is_kept(now_s):
            return False
        if self._hourly is not None:
            while self._sent and now_s - self._sent[0] >= _HOUR_S:
                self._sent.popleft()
            if len(self._sent) >= self._hourly:
                return False
            self._sent.append(now_s)
        self._distance.take(now_s)
        return True
