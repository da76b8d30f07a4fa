"""Run a campaign: faults while data flows, then the proof."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from cryptoflow import clock, verify
from cryptoflow.chaos.faults import Fault, draw
from cryptoflow.chaos.fleet import Fleet, Member
from cryptoflow.chaos.reference import differences, run_reference
from cryptoflow.demo.finish import Finish, Step
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import Plan, overlay, simulate_command, write_config
from cryptoflow.demo.progress import LogEnds, Tables
from cryptoflow.demo.stages import SIMULATOR_FILE, START_TIMEOUT_S
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.stack import merge

PROFILE = Path(__file__).parents[2] / "configs" / "chaos.yaml"
FAULT_SPACING_S = 2.5
KILL_BUDGET_S = 5.0
"""Data flows this long per kill asked for: start, work and death of a process, and what happens between."""
RECOVERY_S = 15.0
DRAIN_TIMEOUT_S = 300.0
POLL_INTERVAL_S = 0.25


class Campaign:
    """Own one run: stack, simulator, fleet, faults, verification and the uninterrupted reference."""

    def __init__(self, data_dir: Path, kills: int, symbols: int, rate: int, seed: int) -> None:
        """Draw the faults; nothing runs yet."""
        self.data_dir = data_dir
        self.kills = kills
        self.faults = draw(seed)
        seconds = RECOVERY_S + kills * KILL_BUDGET_S
        self.options = DemoOptions(symbols=symbols, rate=rate, seconds=seconds, seed=seed, data_dir=data_dir)
        self.applied: Counter[str] = Counter()
        self._pause = threading.Event()

    def run(self) -> dict[str, Any]:
        """Run it and return the report; `clean` says whether every promise held."""
        profile = yaml.safe_load(PROFILE.read_text("utf-8"))
        started_s = clock.monotonic_s()
        with LocalStack(self.data_dir, kafka=profile.pop("kafka")) as stack:
            if not isinstance(stack.broker, KafkaBroker):
                raise StopError("running a campaign: it needs a real broker", fix="install Java 17 and Maven")
            fleet = self._start(stack, profile)
            try:
                while fleet.kills.total() < self.kills and fleet.simulator().get("state") != "done":
                    self._tend(fleet, FAULT_SPACING_S)
                    self._apply(stack.broker, fleet, next(self.faults))
                self._drain(stack, fleet)
            finally:
                fleet.stop()
            settings = merge(stack.settings, profile)
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

    def _start(self, stack: LocalStack, profile: dict[str, Any]) -> Fleet:
        path = self.data_dir / SIMULATOR_FILE
        command = simulate_command(self.options, self.data_dir)
        simulator = stack.supervisor.start("simulator", command, stack.environment())
        simulator.wait_until(path.exists, START_TIMEOUT_S, "starting the simulator")
        told = yaml.safe_load(path.read_text("utf-8"))
        config = self.data_dir / "chaos.yaml"
        points = overlay(Plan("test"), told["endpoints"], self.data_dir)
        write_config(config, merge(stack.settings, profile), {"producer": points["producer"]})
        # The session timeout and the kills are the profile's; what the simulator is reached by is the overlay's.
        fleet = Fleet(stack, config)
        fleet.control = told["control"]
        return fleet

    def _tend(self, fleet: Fleet, duration_s: float) -> None:
        until_s = clock.monotonic_s() + duration_s
        while clock.monotonic_s() < until_s:
            fleet.tend()
            self._pause.wait(POLL_INTERVAL_S)

    def _apply(self, broker: KafkaBroker, fleet: Fleet, fault: Fault) -> None:
        self.applied[f"{fault.kind} {fault.role}"] += 1
        if fault.kind == "broker":
            broker.kill()
            fleet.kills["broker"] += 1
            self._tend(fleet, FAULT_SPACING_S)
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
        self._tend(fleet, pause_s)
        member.child.signal(signal.SIGCONT)

    def _drain(self, stack: LocalStack, fleet: Fleet) -> None:
        """Disarm what is left, keep everything running and wait until all that was sent is committed."""
        for member in fleet.members:
            member.pending = ""
        ends, tables = LogEnds(stack.settings), Tables(stack.settings)
        finish = Finish(stack.settings, fleet, ends, tables)
        deadline_s = clock.monotonic_s() + self.options.seconds + DRAIN_TIMEOUT_S
        try:
            while finish.advance() is not Step.DONE:
                if clock.monotonic_s() > deadline_s:
                    raise StopError(
                        f"draining the campaign: still {finish.step.value}", fix=f"see {self.data_dir}/logs"
                    )
                self._tend(fleet, POLL_INTERVAL_S)
        finally:
            ends.close()
