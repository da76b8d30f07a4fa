"""Change producers while data flows: one killed and replaced, 2 → 3 → 2, also late ordered, redundant feeds cut."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptoflow import clock, verify
from cryptoflow.chaos.fleet import Fleet, Member
from cryptoflow.chaos.run import POLL_INTERVAL_S, Run
from cryptoflow.demo.options import DemoOptions
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.stack import merge
from producers import counts, order_count

SPACING_S = 8.0
"""Data flows undisturbed this long before and after each change."""

AWAY_S = 3.0
"""How long a replica that was killed stays away."""

HANDOVER_TIMEOUT_S = 120.0

Steps = Iterator[float]
"""Changes, each followed by the seconds to wait until the next."""


def member_env(index: int, count: int) -> dict[str, str]:
    """Return the environment of a replica."""
    return {"CRYPTOFLOW_PRODUCER__REPLICA_COUNT": str(count), "CRYPTOFLOW_PRODUCER__REPLICA_INDEX": str(index)}


def feed_env(feed: str) -> dict[str, str]:
    """Return the environment of a redundant feed."""
    return {"CRYPTOFLOW_PRODUCER__FEED": feed}


class Replicas:
    """Own one run of a scenario: what changes, and what was found in the tables afterwards."""

    def __init__(self, data_dir: Path, scenario: str, options: DemoOptions, spacing_s: float = SPACING_S) -> None:
        """Choose the scenario, one of `SCENARIOS`; nothing runs yet."""
        self.data_dir = data_dir
        self.spacing_s = spacing_s
        self.producers, self._steps = SCENARIOS[scenario]
        self.scenario = scenario
        self.work = Run(options, data_dir)
        self.done: list[str] = []

    def run(self) -> dict[str, Any]:
        """Run it and return the report; `clean` says whether every promise held."""
        started_s = clock.monotonic_s()
        with LocalStack(self.data_dir, kafka=self.work.kafka) as stack:
            fleet = self.work.start(stack, self.producers)
            self.settings = merge(stack.settings, self.work.profile)
            try:
                self._await_frames(fleet)
                for wait_s in self._steps(self, fleet):
                    self.work.tend(fleet, wait_s)
                early = fleet.simulator().get("state") == "done"
                self.work.drain(stack, fleet)
                told = fleet.frames()
            finally:
                fleet.stop()
            found = verify.verify(self.data_dir, self.settings)
        return {
            "clean": found.clean and not fleet.unexpected and not early,
            "scenario": self.scenario,
            "changes": self.done,
            "data_ended_before_the_changes": early,
            "kills": dict(fleet.kills),
            "frames": told,
            "verify": found.plain(),
            "ended_by_themselves": fleet.own_ends,
            "unexpected": fleet.unexpected,
            "elapsed_s": round(clock.monotonic_s() - started_s, 1),
            "data_dir": str(self.data_dir),
        }

    def _await_frames(self, fleet: Fleet) -> None:
        """Wait until every producer receives: a change before that would change nothing."""
        self.wait_until(
            fleet,
            lambda: all((fleet.facts(one).get("frames") or {}).get("received") for one in fleet.of("producer")),
            "every producer to receive",
        )

    def wait_until(self, fleet: Fleet, condition: Callable[[], bool], what: str) -> None:
        """Keep the fleet running until a condition holds. Raises StopError when it does not in time."""
        deadline_s = clock.monotonic_s() + HANDOVER_TIMEOUT_S
        while not condition():
            if clock.monotonic_s() > deadline_s:
                raise StopError(f"waiting for {what}: not within {HANDOVER_TIMEOUT_S:g} s", fix="see its logs")
            self.work.tend(fleet, POLL_INTERVAL_S)

    def cut(self, fleet: Fleet, member: Member) -> None:
        """Kill a producer and keep it away for a while."""
        fleet.kill(member)
        member.restart_at_s = clock.monotonic_s() + AWAY_S
        self.done.append(f"{member.name} killed")

    def order(self, count: int, previous: int) -> None:
        """Ask all running producers to share the symbols among so many."""
        names = (market.partition(".") for market in self.work.options.markets)
        order_count(self.settings, [(exchange, market) for exchange, _, market in names], count, previous)
        self.done.append(f"{previous} replicas to {count}")

    def settled(self) -> bool:
        """Tell whether every replica concerned by the last order said that it holds just what it owns."""
        return not any(one.unsettled for one in counts(self.settings))


def _cut_in_turn(run: Replicas, fleet: Fleet) -> Steps:
    for member in fleet.of("producer"):
        yield run.spacing_s
        run.cut(fleet, member)
        yield AWAY_S
        run.wait_until(fleet, functools.partial(_is_ready, fleet, member), f"{member.name} again")
    yield run.spacing_s


def _is_ready(fleet: Fleet, member: Member) -> bool:
    return bool(fleet.facts(member).get("ready"))


def _scale(run: Replicas, fleet: Fleet) -> Steps:
    yield run.spacing_s
    run.order(3, 2)
    third = fleet.add_producer(member_env(2, 3))
    yield from _settle_and_return(run, fleet, third)


def _scale_early(run: Replicas, fleet: Fleet) -> Steps:
    """Start the third replica before the others know of it: two record the same for a while."""
    yield run.spacing_s
    third = fleet.add_producer(member_env(2, 3))
    run.wait_until(fleet, functools.partial(_is_ready, fleet, third), "the third replica")
    yield run.spacing_s
    run.order(3, 2)
    yield from _settle_and_return(run, fleet, third)


def _settle_and_return(run: Replicas, fleet: Fleet, third: Member) -> Steps:
    run.wait_until(fleet, run.settled, "three replicas to settle")
    yield run.spacing_s
    run.order(2, 3)
    run.wait_until(fleet, run.settled, "two replicas to settle")
    fleet.retire(third)
    yield run.spacing_s


SCENARIOS: Mapping[str, tuple[tuple[Mapping[str, str], ...], Callable[[Replicas, Fleet], Steps]]] = {
    "replace": ((member_env(0, 2), member_env(1, 2)), _cut_in_turn),
    "scale": ((member_env(0, 2), member_env(1, 2)), _scale),
    "early": ((member_env(0, 2), member_env(1, 2)), _scale_early),
    "redundant": ((feed_env("a"), feed_env("b")), _cut_in_turn),
}
"""What is changed, by name: the producers to begin with, and the changes."""

CHANGES_S = {"replace": 50.0, "scale": 65.0, "early": 85.0, "redundant": 50.0}
"""How long data flows besides three spacings: longer than the changes take, or the run is not clean."""

SYMBOL_S = 0.15
"""How much longer per symbol of a market: the more there are, the longer all take to start and to change hands."""


def seconds(scenario: str, spacing_s: float, symbols: int) -> float:
    """Return how long data is to flow for a scenario; `symbols` are those of all markets together."""
    return CHANGES_S[scenario] + 3 * spacing_s + symbols * SYMBOL_S
