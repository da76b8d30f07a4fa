"""The sink contract: what a store promises to the loop that feeds it.

A sink is opened once, is written to in log order, commits, and is closed. Positions come from the
store and from nowhere else: the loop reads where `open` says, so a sink that was killed at any
instant continues where its store ends.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptoflow import clock
from cryptoflow.config import Settings
from schemas import MdHeader

TopicPartition = tuple[str, int]
"""Full name of an md topic and a partition number."""

Starts = dict[TopicPartition, int | None]
"""Where to read: the next offset, or None for a partition the store knows nothing of."""


@dataclass(frozen=True, slots=True)
class MdRecord:
    """Hold one record of an md topic, its rows still encoded."""

    topic: str
    partition: int
    offset: int
    header: MdHeader
    value: bytes


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Say which topic of which cluster positions belong to; a recreated topic has another id."""

    cluster: str
    topic_id: str
    partitions: tuple[int, ...]
    """The partitions this replica reads."""


@dataclass(frozen=True, slots=True)
class SinkFacts:
    """Report what a sink process knows of itself, for health and for whoever waits on progress."""

    live: bool
    ready: bool
    detail: dict[str, object] = field(default_factory=dict)


class Patience:
    """Say when to stop trying: never while running, `limit_s` after a stop was asked for."""

    def __init__(self, stop: threading.Event, limit_s: float) -> None:
        """Watch `stop`."""
        self._stop = stop
        self._limit_s = limit_s
        self._deadline_s: float | None = None

    @property
    def stopping(self) -> bool:
        """Tell whether a stop was asked for."""
        return self._stop.is_set()

    def over(self) -> bool:
        """Tell whether trying has to end now."""
        if not self._stop.is_set():
            return False
        if self._deadline_s is None:
            self._deadline_s = clock.monotonic_s() + self._limit_s
        return clock.monotonic_s() >= self._deadline_s

    def wait(self, seconds: float) -> None:
        """Wait, in short steps once stopping, and no longer than patience lasts."""
        until = clock.monotonic_s() + seconds
        pause = threading.Event()
        while (left := until - clock.monotonic_s()) > 0 and not self.over():
            if self._stop.is_set():
                pause.wait(min(left, 0.05))
            else:
                self._stop.wait(min(left, 1.0))


class Sink(ABC):
    """Be one store. Methods are called by one thread, in the order open · write* · commit · … · close.

    A method that raises ends the process: nothing it was given since the last commit counts as
    written, and the next start reads it again. A sink does not delete what an unknown outcome may
    have made visible.
    """

    @abstractmethod
    def topics(self) -> tuple[str, ...]:
        """Name the md topics to read, with their prefix."""

    @abstractmethod
    def open(self, log: Mapping[str, TopicIdentity], patience: Patience) -> Starts:
        """Prepare the store and say, per partition of `log`, where reading begins.

        Raises IdentityError when the store's positions belong to another topic or cluster.
        """

    @abstractmethod
    def write(self, record: MdRecord) -> None:
        """Take one record. Records of a partition come in offset order and may come again.

        Rows the store has are dropped. Raises HoleError when rows before this record are missing.
        May buffer within the byte budget; what is buffered becomes durable at a commit.
        """

    @abstractmethod
    def commit(self, patience: Patience, *, final: bool = False) -> Starts:
        """Make durable what is due (everything, if `final`), rows and positions in one step.

        Returns the partitions to be read again from an earlier or later place, because the store had
        moved on under another writer; empty when all is well. An outcome that is not known is
        resolved before returning; RetryError says that patience ended first.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what is held without writing anything."""

    @abstractmethod
    def detail(self) -> dict[str, object]:
        """Report positions, rows committed and bytes held, for health."""

    @abstractmethod
    def committed(self) -> Starts:
        """Say which offset each partition is durable up to, over everything the sink writes."""


@dataclass(frozen=True)
class SinkComponent:
    """Be what a sink module exports as SINK: its name and how it is built from settings.

    `extra` names the optional dependency set of its driver; empty when none is needed.
    """

    name: str
    build: Callable[[Settings], Sink]
    extra: str = ""

    def enabled(self, settings: Settings) -> bool:
        """Tell whether the settings switch this sink on."""
        return self.name in settings.sinks.enabled

    def run(self, settings: Settings, stop: threading.Event, facts: Callable[[SinkFacts], None] | None = None) -> None:
        """Read, write and commit until `stop` is set, then flush once more and return.

        Raises StopError when going on would hide something, with a one-line text.
        """
        from sinks._run import run  # noqa: PLC0415 - _run imports this module

        run(self.build(settings), settings, stop, facts)
