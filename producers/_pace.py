"""Keep the requests of one connection within the venue's message rate and its hourly limit. Pure."""

from __future__ import annotations

from collections import deque

from exchanges import Endpoint

_RATE_SHARE = 0.8
"""Share of the venue's message limit we use: pings and pongs count against it too."""
_HOUR_S = 3600.0


def least_s(endpoint: Endpoint) -> float:
    """Return the least time between two requests of one connection [s]."""
    return 1.0 / (endpoint.messages_per_s * _RATE_SHARE)


class Pace:
    """Say when the next request may leave."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the limits."""
        self._least_s = least_s(endpoint)
        self._hourly = endpoint.requests_per_hour_max
        self._sent: deque[float] = deque()
        self._last_s = float("-inf")

    def take(self, now_s: float) -> bool:
        """Tell whether a request may leave now; True takes its place."""
        if now_s - self._last_s < self._least_s:
            return False
        if self._hourly is not None:
            while self._sent and now_s - self._sent[0] >= _HOUR_S:
                self._sent.popleft()
            if len(self._sent) >= self._hourly:
                return False
            self._sent.append(now_s)
        self._last_s = now_s
        return True
