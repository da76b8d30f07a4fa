"""librdkafka's mock broker in a process of its own: the fallback without Java, for demos only."""

from __future__ import annotations

import json
import signal
import sys
import threading

import confluent_kafka

from cryptoflow.config import Kafka
from cryptoflow.localstack.supervise import Child, Supervisor

_BROKERS = 1


class MockBroker:
    """Run the mock broker. Records live in memory; it proves nothing about order, fencing or kills."""

    def __init__(self, supervisor: Supervisor, kafka: Kafka, *, start_timeout_s: float = 60.0) -> None:
        """Nothing runs before `start`."""
        self._supervisor = supervisor
        self._kafka = kafka
        self._start_timeout_s = start_timeout_s
        self.child: Child | None = None
        self.bootstrap_servers = ""

    def start(self) -> str:
        """Start and return host:port."""
        command = [sys.executable, "-m", "cryptoflow.localstack.mockbroker"]
        self.child = self._supervisor.start("mockbroker", command)
        self.child.wait_until(self._told, self._start_timeout_s, "starting the mock broker")
        return self.bootstrap_servers

    def stop(self) -> None:
        """Stop; all records are gone."""
        if self.child:
            self.child.stop()

    def alive(self) -> bool:
        """Return True while the process runs."""
        return self.child is not None and self.child.alive()

    def _told(self) -> bool:
        if self.child is None:
            return False
        for line in reversed(self.child.log.read_text("utf-8").splitlines()):
            if line.startswith('{"bootstrap_servers"') and json.loads(line)["pid"] == self.child.pid:
                self.bootstrap_servers = str(json.loads(line)["bootstrap_servers"])
                return True
        return False


def main() -> None:
    """Run the mock broker until SIGTERM and print where it listens."""
    import os  # noqa: PLC0415 - only the child process needs it

    producer = confluent_kafka.Producer({"test.mock.num.brokers": _BROKERS, "bootstrap.servers": ""})
    brokers = producer.list_topics(timeout=10).brokers.values()
    servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    print(json.dumps({"bootstrap_servers": servers, "pid": os.getpid()}), flush=True)  # noqa: T201 - read by the parent
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    over.wait()


if __name__ == "__main__":
    main()
