"""An event loop whose time is a number: waiting costs nothing, an hour passes in seconds.

Timers fire in their order, as they would. It cannot imitate: sockets, threads, work that takes time (a turn of
the loop takes `LEAST_S`, however much is computed).
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest
from typing_extensions import override

from cryptoflow import clock

EPOCH_NS = 1_900_000_000_000_000_000
NS_PER_S = 1_000_000_000
LEAST_S = 1e-7


class VirtualClock:
    """Hold the time since the loop began [s]."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.now_s = 0.0

    def now_ns(self) -> int:
        """Return wall-clock time."""
        return EPOCH_NS + int(self.now_s * NS_PER_S)

    def monotonic_s(self) -> float:
        """Return the clock that only goes forward."""
        return self.now_s


class _Selector(selectors.SelectSelector):
    """Wait for nothing: pass the time until the next timer."""

    def __init__(self, passing: VirtualClock) -> None:
        super().__init__()
        self._passing = passing

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing is due any more, and something is waited for")
        # Some time always passes: a wait shorter than a float can tell would be waited for ever.
        self._passing.now_s += max(timeout, LEAST_S)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Run callbacks and timers on a virtual clock."""

    def __init__(self, passing: VirtualClock) -> None:
        """Take the clock to move."""
        super().__init__(_Selector(passing))
        self._passing = passing

    @override
    def time(self) -> float:
        """Return virtual time."""
        return self._passing.now_s


def run_virtually(body: Coroutine[Any, Any, None], passing: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a coroutine to its end; everything that reads `cryptoflow.clock` sees virtual time."""
    monkeypatch.setattr(clock, "now_ns", passing.now_ns)
    monkeypatch.setattr(clock, "monotonic_s", passing.monotonic_s)
    loop = VirtualLoop(passing)
    try:
        loop.run_until_complete(body)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()
