"""Run a campaign: faults while data flows, then the proof."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

from cryptoflow import clock, verify
from cryptoflow.chaos.faults import Fault, draw
from cryptoflow.chaos.fleet import Fleet, Member
from cryptoflow.chaos.reference import differences, run_reference
from cryptoflow.chaos.run import Run
from cryptoflow.demo.options import DemoOptions
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.stack import merge

FAULT_SPACING_S = 2.5
KILL_BUDGET_S = 5.0
"""Data flows this long per kill asked for: start, work and death of a process, and what happens between."""
RECOVERY_S = 15.0


class Campaign:
    """Own one run: stack, simulator, fleet, faults, verification and the uninterrupted reference."""

    def __init__(self, data_dir: Path, kills: int, symbols: int, rate: int, seed: int) -> None:
        """Draw the faults; nothing runs yet."""
        self.data_dir = data_dir
        self.kills = kills
        self.faults = draw(seed)
        seconds = RECOVERY_S + kills * KILL_BUDGET_S
        options = DemoOptions(symbols=symbols, rate=rate, seconds=seconds, seed=seed, data_dir=data_dir)
        self.work = Run(options, data_dir)
        self.applied: Counter[str] = Counter()

    def run(self) -> dict[str, Any]:
        """Run it and return the report; `clean` says whether every promise held."""
        started_s = clock.monotonic_s()
        with LocalStack(self.data_dir, kafka=self.work.kafka) as stack:
            if not isinstance(stack.broker, KafkaBroker):
                raise StopError("running a campaign: it needs a real broker", fix="install Java 17 and Maven")
            fleet = self.work.start(stack)
            try:
                while fleet.kills.total() < self.kills and fleet.simulator().get("state") != "done":
                    self.work.tend(fleet, FAULT_SPACING_S)
                    self._apply(stack.broker, fleet, next(self.faults))
                self.work.drain(stack, fleet)
            finally:
                fleet.stop()
            settings = merge(stack.settings, self.work.profile)
            found = verify.verify(self.data_dir, settings)
            reference = run_reference(stack, settings)
            unequal = differences(settings, reference)
        return {
            "clean": found.clean and not unequal and not fleet.unexpected and fleet.kills.total() >= self.kills,
            "kills": {**fleet.kills, "all": fleet.kills.total()},
            "fail_points": dict(fleet.points),
            "faults": dict(self.applied),
            "verify": found.plain(),
            "unequal_tables": unequal,
            "ended_by_themselves": fleet.own_ends,
            "unexpected": fleet.unexpected,
            "elapsed_s": round(clock.monotonic_s() - started_s, 1),
            "data_dir": str(self.data_dir),
        }

    def _apply(self, broker: KafkaBroker, fleet: Fleet, fault: Fault) -> None:
        self.applied[f"{fault.kind} {fault.role}"] += 1
        if fault.kind == "broker":
            broker.kill()
            fleet.kills["broker"] += 1
            self.work.tend(fleet, FAULT_SPACING_S)
            broker.revive()
            return
        member = fleet.of(fault.role)[fault.member]
        if fault.kind == "kill":
            fleet.kill(member, fault.point)
        elif fault.kind == "move":
            fleet.restart(member)
        else:
            self._hold(fleet, member, fault.pause_s)

    def _hold(self, fleet: Fleet, member: Member, pause_s: float) -> None:
        if member.child is None:
            return
        member.child.signal(signal.SIGSTOP)
        self.work.tend(fleet, pause_s)
        member.child.signal(signal.SIGCONT)
