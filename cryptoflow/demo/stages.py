"""Start the parts of a demo as processes of their own and know where each answers."""

from __future__ import annotations

import functools
import json
from typing import Any

from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import Plan, cli, overlay, simulate_command, write_config
from cryptoflow.demo.progress import fetch_json
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack, record
from cryptoflow.localstack.ports import free_ports
from cryptoflow.localstack.supervise import Child

START_TIMEOUT_S = 60.0
SIMULATOR_FILE = "simulator.json"
CONFIG_FILE = "demo.yaml"


class Stages:
    """Run simulator, producer, worker and sink on a started stack; its supervisor ends them."""

    def __init__(self, stack: LocalStack, options: DemoOptions, plan: Plan) -> None:
        """Choose ports; nothing runs yet."""
        self.stack = stack
        self.options = options
        self.plan = plan
        self.config = stack.data_dir / CONFIG_FILE
        self.ports = dict(zip(("producer", "worker", "sink"), free_ports(3), strict=True))
        self.children: dict[str, Child] = {}
        self.control = ""
        self._frames: dict[str, int] = {}

    def start(self) -> None:
        """Start everything, the readers before the writer. Raises StopError when a part does not come up."""
        simulator, told = start_simulator(self.stack, self.options)
        self.children["simulator"], self.control = simulator, told["control"]
        write_config(self.config, self.stack.settings, overlay(self.plan, told["endpoints"], self.stack.data_dir))
        record.write_health(
            self.stack.data_dir, {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        )
        self._start("worker", "worker")
        self._start("sink", "sink", "iceberg")
        for name in ("worker", "sink"):
            ready = functools.partial(self._ready, name)
            self.children[name].wait_until(ready, START_TIMEOUT_S, f"starting the {name}")
        self._start("producer", "produce", *self.plan.producer_words())

    def facts(self, name: str) -> dict[str, Any] | None:
        """Return what a stage says of itself, None while it does not answer."""
        return fetch_json(f"http://127.0.0.1:{self.ports[name]}/ready")

    def frames(self) -> dict[str, int]:
        """Return the producer's balance of data frames, the last one when it has been stopped."""
        told = (self.facts("producer") or {}).get("frames") or {}
        self._frames = {key: value for key, value in told.items() if isinstance(value, int)} or self._frames
        return self._frames

    @property
    def producing(self) -> bool:
        """Say whether the producer has not been stopped yet."""
        return "producer" in self.children

    def stop_producing(self) -> None:
        """Stop the producer alone, so that the log ends; its last frames are in it or in the spool."""
        self.frames()
        self.children.pop("producer").stop()
        self._frames["in_flight"] = 0

    def worker_positions(self) -> dict[tuple[str, int], int]:
        """Return the next raw offset the worker needs, by (topic, partition)."""
        told = (self.facts("worker") or {}).get("next") or {}
        return {_split(name): int(at) for name, at in told.items()}

    def lag_records(self) -> int:
        """Return the md records not yet committed, as the sink sees it."""
        told = (self.facts("sink") or {}).get("lag") or {}
        return sum(int(records) for records in told.values())

    def metrics_url(self, name: str) -> str:
        """Return where a stage serves its metrics."""
        return f"http://127.0.0.1:{self.ports[name]}/metrics"

    def simulator(self) -> dict[str, Any]:
        """Return the simulator's status, empty while it does not answer."""
        return fetch_json(f"{self.control}/_sim/status") or {}

    def check(self) -> None:
        """Raise StopError when a stage has ended by itself."""
        for name, child in self.children.items():
            if not child.alive():
                raise StopError(
                    f"running the demo: the {name} ended with {child.process.returncode}", fix=f"see {child.log}"
                )

    def stop(self) -> None:
        """Stop the stages in the direction of the data, so that each can finish what it was given."""
        for name in ("producer", "worker", "sink", "simulator"):
            if name in self.children:
                self.children.pop(name).stop()

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Name the exchanges that are simulated."""
        return self.plan.exchanges

    def _ready(self, name: str) -> bool:
        return bool((self.facts(name) or {}).get("ready"))

    def _start(self, name: str, *words: str) -> None:
        env = {
            "CRYPTOFLOW_CONFIG": str(self.config),
            "CRYPTOFLOW_ENVIRONMENT": "local",
            "CRYPTOFLOW_HEALTH_PORT": str(self.ports[name]),
        }
        self.children[name] = self.stack.supervisor.start(name, [*cli(), *words], env)


def start_simulator(stack: LocalStack, options: DemoOptions) -> tuple[Child, dict[str, Any]]:
    """Start the simulator on a stack and return it with what it tells: `control` and `endpoints`.

    Raises StopError when it does not come up.
    """
    path = stack.data_dir / SIMULATOR_FILE
    path.unlink(missing_ok=True)
    command = simulate_command(options, stack.data_dir)
    child = stack.supervisor.start("simulator", command, stack.environment())
    child.wait_until(path.exists, START_TIMEOUT_S, "starting the simulator")
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return child, told


def _split(name: str) -> tuple[str, int]:
    topic, _, partition = name.rpartition("/")
    return topic, int(partition)
