"""The venue's limits, counted over sliding and fixed windows."""

from __future__ import annotations

from collections import deque

from cryptoflow import clock


class Window:
    """Allow `count_max` events in any `window_s` seconds."""

    def __init__(self, count_max: int, window_s: float) -> None:
        """Start empty."""
        self._count_max = count_max
        self._window_s = window_s
        self._times: deque[float] = deque()

    def take(self) -> bool:
        """Count one event; False when the limit is passed."""
        now = clock.monotonic_s()
        while self._times and now - self._times[0] >= self._window_s:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= self._count_max


class Weight:
    """Count REST weight per fixed window, as the venues' headers do (PROTOCOLS 3.2)."""

    def __init__(self, weight_max: int, window_s: float = 60.0) -> None:
        """Start a window."""
        self._weight_max = weight_max
        self._window_s = window_s
        self._began_s = clock.monotonic_s()
        self.used = 0

    def take(self, weight: int) -> int:
        """Count one request; return 0 when it is within the limit, else the seconds to wait."""
        now = clock.monotonic_s()
        if now - self._began_s >= self._window_s:
            self._began_s, self.used = now, 0
        self.used += weight
        if self.used <= self._weight_max:
            return 0
        return max(1, int(self._window_s - (now - self._began_s)) + 1)
