"""What every campaign does: start the parts, keep them running, wait until all is committed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cryptoflow import clock
from cryptoflow.chaos.fleet import Fleet
from cryptoflow.demo.finish import Finish, Step
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import MarketPlan, Plan, overlay, write_config
from cryptoflow.demo.progress import LogEnds, Tables
from cryptoflow.demo.stages import start_simulator
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.stack import merge

PROFILE = Path(__file__).parents[2] / "configs" / "chaos.yaml"
DRAIN_TIMEOUT_S = 300.0
POLL_INTERVAL_S = 0.25


class Run:
    """Hold one run over generated markets: its options, its profile, and a clock to wait by."""

    def __init__(self, options: DemoOptions, data_dir: Path) -> None:
        """Read the profile; nothing runs yet."""
        self.options = options
        self.data_dir = data_dir
        self.profile: dict[str, Any] = yaml.safe_load(PROFILE.read_text("utf-8"))
        self.kafka: dict[str, Any] = self.profile.pop("kafka")
        self._pause = threading.Event()

    def start(self, stack: LocalStack, producers: Sequence[Mapping[str, str]] = ({},)) -> Fleet:
        """Start the simulator and prepare a fleet with one producer per environment."""
        _, told = start_simulator(stack, self.options)
        config = self.data_dir / "chaos.yaml"
        plan = Plan("test", tuple(MarketPlan(market) for market in self.options.markets))
        points = overlay(plan, told["endpoints"], self.data_dir)
        write_config(config, merge(stack.settings, self.profile), {"producer": points["producer"]})
        # The session timeout and the kills are the profile's; what the simulator is reached by is the overlay's.
        fleet = Fleet(stack, config, producers=producers, plan=plan)
        fleet.control = told["control"]
        return fleet

    def tend(self, fleet: Fleet, duration_s: float) -> None:
        """Keep every member running for a while."""
        until_s = clock.monotonic_s() + duration_s
        while clock.monotonic_s() < until_s:
            fleet.tend()
            self._pause.wait(POLL_INTERVAL_S)

    def drain(self, stack: LocalStack, fleet: Fleet) -> None:
        """Disarm what is left, keep everything running and wait until all that was sent is committed."""
        for member in fleet.members:
            member.pending = ""
        ends, tables = LogEnds(stack.settings), Tables(stack.settings)
        finish = Finish(stack.settings, fleet, ends, tables)
        deadline_s = clock.monotonic_s() + self.options.seconds + DRAIN_TIMEOUT_S
        try:
            while finish.advance() is not Step.DONE:
                if clock.monotonic_s() > deadline_s:
                    raise StopError(f"draining the run: still {finish.step.value}", fix=f"see {self.data_dir}/logs")
                self.tend(fleet, POLL_INTERVAL_S)
        finally:
            ends.close()
