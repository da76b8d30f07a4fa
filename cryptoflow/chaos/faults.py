"""The faults of a campaign, drawn by seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

FAIL_POINTS: dict[str, tuple[str, ...]] = {
    "producer": ("producer.before_send", "producer.after_send"),
    "worker": (
        "worker.before_outputs", "worker.after_outputs", "worker.before_state", "worker.after_state",
        "worker.before_barrier", "worker.after_barrier", "worker.recovery",
    ),
    "sink": (
        "sink.before_upload", "sink.after_upload", "sink.before_commit", "sink.after_commit", "sink.recovery",
    ),
}  # fmt: skip
OCCURRENCES_MAX = 6
PAUSE_MIN_S, PAUSE_MAX_S = 7.0, 10.0
"""Longer than the session timeout of the chaos profile (6 s), so that a paused worker becomes a zombie."""

SCHEDULE = {"pause worker": (11, 5), "pause edge": (13, 7), "move": (9, 4), "broker": (25, 12)}
"""What happens every so many faults, and after which first: (every, first)."""
POINT_SHARE = 0.5
"""Share of the kills that hit a named fail point."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Be one thing that happens: `kill`, `pause`, `move` or `broker`, and to which role."""

    kind: str
    role: str
    point: str = ""
    pause_s: float = 0.0
    member: int = 0


def draw(seed: int, members: int = 2) -> Iterator[Fault]:
    """Draw faults without end: kills of each role in turn, with pauses, moves and broker kills between them.

    Half of the kills arm a named fail point of the next start, at which that start dies too; the rest
    hit a random instant alone. The fail points of a role are met in turn, in a drawn order.
    """
    chance = random.Random(seed)  # noqa: S311 - a campaign must be repeatable; nothing here is a secret
    turns = {role: chance.sample(points, len(points)) for role, points in FAIL_POINTS.items()}
    for number in itertools.count(1):
        role = ("worker", "sink", "producer")[number % 3]
        member = chance.randrange(members) if role != "producer" else 0
        point = ""
        if chance.random() < POINT_SHARE:
            turns[role].append(name := turns[role].pop(0))
            nth = 1 if name.endswith("recovery") else chance.randint(1, OCCURRENCES_MAX)
            point = f"{name}:{nth}"
        yield Fault("kill", role, point, member=member)
        yield from _between(number, chance, members)


def _between(number: int, chance: random.Random, members: int) -> list[Fault]:
    """Return what happens beside the kills after `number` faults."""
    found = []
    due = {name for name, (every, first) in SCHEDULE.items() if number % every == first}
    pause_s = chance.uniform(PAUSE_MIN_S, PAUSE_MAX_S)
    if "pause worker" in due:
        found.append(Fault("pause", "worker", pause_s=pause_s, member=chance.randrange(members)))
    if "pause edge" in due:
        found.append(Fault("pause", chance.choice(("sink", "producer")), pause_s=pause_s))
    if "move" in due:
        found.append(Fault("move", "worker", member=chance.randrange(members)))
    if "broker" in due:
        found.append(Fault("broker", "broker"))
    return found
