"""A thread that ends a worker which does not move: Faust's own check never fires, and nothing else sees it.

It watches from outside the event loop, asks the broker itself for the ends of the log, and on a
stall dumps all stacks and ends the process; whoever supervises it starts it again.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptoflow.clock import monotonic_s
from cryptoflow.errors import CryptoflowError, IdentityError, RetryError, StopError
from cryptoflow.metrics import agent_lag_records

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """Hold what the worker says of itself: next offset per owned partition, and since when it rebalances."""

    positions: Mapping[Partition, int]
    rebalancing: bool
    beat: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Say what did not move and for how long."""

    what: str
    seconds: float


class Progress:
    """Judge a series of looks: pure, told the time."""

    def __init__(self, progress_timeout_s: float, rebalance_timeout_s: float) -> None:
        """Begin with everything moving."""
        self._progress_timeout_s = progress_timeout_s
        self._rebalance_timeout_s = rebalance_timeout_s
        self._positions: dict[Partition, tuple[int, float]] = {}
        self._rebalancing_since: float | None = None
        self._beat = (-1, 0.0)
        self.stalled_s = 0.0

    def look(self, sight: Sight, ends: Mapping[Partition, int] | None, now_s: float) -> Stall | None:
        """Return what is stuck beyond its limit. `ends` is None while the broker does not answer."""
        if sight.beat != self._beat[0] or ends is None:
            self._beat = (sight.beat, now_s)
        if not sight.rebalancing or ends is None:
            self._rebalancing_since = None
        elif self._rebalancing_since is None:
            self._rebalancing_since = now_s
        waits = [Stall("the event loop does not answer", now_s - self._beat[1])]
        waits += self._partitions(sight, ends, now_s)
        worst = max(waits, key=lambda stall: stall.seconds)
        self.stalled_s = worst.seconds
        if self._rebalancing_since is not None and now_s - self._rebalancing_since >= self._rebalance_timeout_s:
            return Stall("rebalancing does not end", now_s - self._rebalancing_since)
        return worst if worst.seconds >= self._progress_timeout_s else None

    def _partitions(self, sight: Sight, ends: Mapping[Partition, int] | None, now_s: float) -> list[Stall]:
        stalls = []
        known = self._positions
        self._positions = {}
        for partition, position in sight.positions.items():
            before = known.get(partition)
            moved = before is None or before[0] != position
            # A broker that is away is not this worker's fault: the clock stands still meanwhile.
            idle = ends is None or ends.get(partition, position) <= position
            since = now_s if moved or idle or before is None else before[1]
            self._positions[partition] = (position, since)
            stalls.append(Stall(f"{partition[0]}/{partition[1]} lags without progress at {position}", now_s - since))
        return stalls


class Watchdog:
    """Look every few seconds and end the process through `on_stall` when something is stuck."""

    def __init__(
        self,
        progress: Progress,
        sight: Callable[[], Sight],
        ends: Callable[[Sequence[Partition]], Mapping[Partition, int]],
        on_stall: Callable[[CryptoflowError], None],
        interval_s: float,
    ) -> None:
        """Start nothing yet; all callables are called from the watchdog's thread."""
        self._progress = progress
        self._sight = sight
        self._ends = ends
        self._on_stall = on_stall
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._once()

    def _once(self) -> None:
        sight = self._sight()
        ends: Mapping[Partition, int] | None
        try:
            ends = self._ends(list(sight.positions)) if sight.positions else {}
        except RetryError:
            ends = None
        except StopError as error:
            self._on_stall(error)
            return
        for (topic, number), end in (ends or {}).items():
            agent_lag_records.labels(topic, str(number)).set(max(0, end - sight.positions[topic, number]))
            if end < sight.positions[topic, number]:
                text = (
                    f"watching {topic}/{number}: the log ends at {end}, before offset {sight.positions[topic, number]}"
                )
                self._on_stall(IdentityError(text, fix="the topic was recreated: see the runbook"))
                return
        stall = self._progress.look(sight, ends, monotonic_s())
        if stall is not None:
            faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
            self._on_stall(StopError(f"watching progress: {stall.what} for {stall.seconds:.0f} s"))
