"""Decide when all that was sent is committed, by following the data from the simulator to the tables."""

from __future__ import annotations

import enum
from typing import Any, Protocol

from cryptoflow import clock
from cryptoflow.config import Settings
from cryptoflow.demo.progress import LogEnds, Tables, reached
from schemas import topics

SETTLE_S = 2.0
"""How long the producer's counts must stand still: frames sent on a cut socket may never arrive."""


class Step(enum.Enum):
    """Name how far a run has come."""

    SENDING = "sending"
    PUBLISHING = "publishing"
    NORMALIZING = "normalizing"
    COMMITTING = "committing"
    DONE = "done"


class Followed(Protocol):
    """What is asked of the running parts."""

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Name the exchanges whose raw topics are followed."""
        ...

    def simulator(self) -> dict[str, Any]:
        """Return the simulator's status."""
        ...

    def frames(self) -> dict[str, int]:
        """Return the producer's balance of data frames."""
        ...

    def worker_positions(self) -> dict[tuple[str, int], int]:
        """Return the next raw offset needed, by (topic, partition)."""
        ...


class Finish:
    """Move from step to step; each waits for the ends the step before has fixed.

    Alive frames are published all the time, so a step waits for the ends as they stood when the
    step before it was complete, not for silence.
    """

    def __init__(self, settings: Settings, stages: Followed, ends: LogEnds, tables: Tables) -> None:
        """Start at SENDING."""
        self.step = Step.SENDING
        self._settings = settings
        self._stages = stages
        self._ends = ends
        self._tables = tables
        self._still: tuple[int, int] = (-1, -1)
        self._still_since_s = 0.0
        self._raw: dict[tuple[str, int], int] = {}
        self._md: dict[tuple[str, int], int] = {}

    def advance(self) -> Step:
        """Look once and return the step reached."""
        kafka = self._settings.kafka
        if self.step is Step.SENDING and self._stages.simulator().get("state") == "done":
            self.step = Step.PUBLISHING
        if self.step is Step.PUBLISHING and self._published():
            self._raw = self._ends.of([kafka.raw_topic(exchange) for exchange in self._stages.exchanges])
            if self._raw:
                self.step = Step.NORMALIZING
        if self.step is Step.NORMALIZING and reached(self._raw, self._stages.worker_positions()):
            self._md = self._ends.of([kafka.md_topic(name) for name in topics()])
            if self._md:
                self.step = Step.COMMITTING
        if self.step is Step.COMMITTING and self._committed():
            self.step = Step.DONE
        return self.step

    def again(self) -> None:
        """Follow once more what came after the ends that were fixed."""
        self.step = Step.PUBLISHING

    def _published(self) -> bool:
        """Say whether everything received is acknowledged, and nothing more has come for a while."""
        frames = self._stages.frames()
        counts = (frames.get("received", 0), frames.get("published", 0))
        now_s = clock.monotonic_s()
        if counts != self._still or frames.get("in_flight", 1):
            self._still, self._still_since_s = counts, now_s
            return False
        complete = counts[0] >= int(self._stages.simulator().get("frames_sent", 0))
        return complete or now_s - self._still_since_s > SETTLE_S

    def _committed(self) -> bool:
        """Say whether every table has passed the ends of its own topic."""
        states = self._tables.states()
        for name, topic in topics().items():
            wanted = {key: end for key, end in self._md.items() if key[0] == self._settings.kafka.md_topic(name)}
            for record in topic.records:
                if record.name in states and not reached(wanted, states[record.name].positions):
                    return False
        return True
