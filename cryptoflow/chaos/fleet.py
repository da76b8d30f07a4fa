"""The processes of a campaign: started, killed, paused and started again."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptoflow import clock
from cryptoflow.demo.plan import Plan, cli
from cryptoflow.demo.progress import fetch_json
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.ports import free_ports
from cryptoflow.localstack.supervise import Child

SAFE_EXITS = {"producer": (3, 4), "worker": (1, 70), "sink": (3, 4)}
"""How processes end that are to be started again: unreachable broker, or going on could hide data."""


@dataclass
class Member:
    """Be one process of a role: its command, its own environment, and the child that runs it now."""

    name: str
    role: str
    words: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    child: Child | None = None
    armed: str = ""
    """The fail point the running child was started with, empty for none."""
    restart_at_s: float = 0.0
    pending: str = field(default="", repr=False)
    """The fail point the next start is to arm."""


class Fleet:
    """Keep every member running, whatever ends it, and count how each ended."""

    def __init__(
        self,
        stack: LocalStack,
        config: Path,
        members: int = 2,
        producers: Sequence[Mapping[str, str]] = ({},),
        plan: Plan | None = None,
    ) -> None:
        """Prepare `members` workers and sinks, and one producer of the plan per environment of `producers`."""
        self.stack = stack
        self.config = config
        self.plan = plan or Plan("test")
        self.exchanges = self.plan.exchanges
        self.control = ""
        self.kills: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.own_ends: list[str] = []
        ports = iter(free_ports(2 * members))
        self.members: list[Member] = []
        self._retired: Counter[str] = Counter()
        for env in producers:
            self.add_producer(env)
        self.members += [self._member("worker", n, next(ports), ("worker",)) for n in range(members)]
        self.members += [
            self._member("sink", n, next(ports), ("sink", "iceberg"), {
                "CRYPTOFLOW_SINKS__SINK_COUNT": str(members), "CRYPTOFLOW_SINKS__SINK_INDEX": str(n),
            })
            for n in range(members)
        ]  # fmt: skip

    def add_producer(self, env: Mapping[str, str]) -> Member:
        """Add a producer with an environment of its own; `tend` starts it."""
        number = sum(member.role == "producer" for member in self.members)
        made = self._member("producer", number, free_ports(1)[0], ("produce", *self.plan.producer_words()), env)
        self.members.append(made)
        return made

    def retire(self, member: Member) -> None:
        """Stop a member for good; what it received is still counted."""
        self._retired.update(self._balance(member))
        self.restart(member)
        self.members.remove(member)

    def _member(
        self, role: str, number: int, port: int, words: tuple[str, ...], extra: Mapping[str, str] | None = None
    ) -> Member:
        env = {
            "CRYPTOFLOW_CONFIG": str(self.config),
            "CRYPTOFLOW_ENVIRONMENT": "test",
            "CRYPTOFLOW_HEALTH_PORT": str(port),
            **(extra or {}),
        }
        return Member(f"{role}-{number}", role, words, env, port)

    def tend(self) -> None:
        """Start whatever does not run; a member that fell to its fail point is a kill."""
        for member in self.members:
            if member.child is not None and not member.child.alive():
                self._fell(member)
            if member.child is None and clock.monotonic_s() >= member.restart_at_s:
                self._start(member)

    def _fell(self, member: Member) -> None:
        code = member.child.process.returncode if member.child else 0
        if member.armed and code == -signal.SIGKILL:
            self.kills[member.role] += 1
            self.points[member.armed] += 1
        elif member.child is not None:
            told = self.own_ends if code in SAFE_EXITS[member.role] else self.unexpected
            told.append(f"{member.name} ended with {code}: {last_line(member.child)}")
        member.child = None

    def _start(self, member: Member) -> None:
        member.armed, member.pending = member.pending, ""
        env = dict(member.env)
        if member.armed:
            env["CRYPTOFLOW_FAILPOINT"] = member.armed
        member.child = self.stack.supervisor.start(member.name, [*cli(), *member.words], env)

    def kill(self, member: Member, failpoint: str = "") -> None:
        """End a member with SIGKILL; its next start may arm a fail point."""
        if member.child is not None and not member.child.alive():
            self._fell(member)
        elif member.child is not None:
            member.child.kill()
            self.kills[member.role] += 1
        member.child = None
        member.pending = failpoint

    def restart(self, member: Member) -> None:
        """Stop a member as a deployment does, so that its partitions move."""
        if member.child is not None:
            member.child.stop()
        member.child = None

    def facts(self, member: Member) -> dict[str, Any]:
        """Return what a member says of itself, empty while it does not answer."""
        if member.child is None or not member.child.alive():
            return {}
        return fetch_json(f"http://127.0.0.1:{member.port}/ready") or {}

    def of(self, role: str) -> list[Member]:
        """Return the members of a role."""
        return [member for member in self.members if member.role == role]

    def simulator(self) -> dict[str, Any]:
        """Return the simulator's status."""
        return fetch_json(f"{self.control}/_sim/status") or {}

    def frames(self) -> dict[str, int]:
        """Return the running producers' balance; frames of the ones killed are in gaps or in the log."""
        found = Counter(self._retired)
        for member in self.of("producer"):
            found.update(self._balance(member))
        return dict(found)

    def _balance(self, member: Member) -> dict[str, int]:
        told = self.facts(member).get("frames") or {}
        return {key: value for key, value in told.items() if isinstance(value, int)}

    def worker_positions(self) -> dict[tuple[str, int], int]:
        """Return the next raw offset needed, over all workers."""
        found: dict[tuple[str, int], int] = {}
        for member in self.of("worker"):
            for name, at in (self.facts(member).get("next") or {}).items():
                topic, _, partition = name.rpartition("/")
                found[topic, int(partition)] = int(at)
        return found

    def stop(self) -> None:
        """Stop all members in the direction of the data."""
        for member in self.members:
            if member.child is not None:
                member.child.stop()
                member.child = None


def last_line(child: Child) -> str:
    """Return the last line a child logged, short."""
    lines = child.log_tail().strip().splitlines()
    return lines[-1][:300] if lines else ""
