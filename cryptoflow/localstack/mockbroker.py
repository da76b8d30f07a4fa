"""librdkafka's mock broker in a process of its own: the fallback without Java, for demos only."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import confluent_kafka

from cryptoflow.errors import StopError
from cryptoflow.localstack.supervise import Child, Supervisor

_PRODUCER = 0
_READY = '{"bootstrap_servers"'


class MockBroker:
    """Run the mock broker. Records live in memory; it proves nothing about order, fencing or kills.

    It has no requests to create topics, so it is told all of them when it starts.
    """

    def __init__(self, supervisor: Supervisor, partitions: Mapping[str, int], *, start_timeout_s: float = 60.0) -> None:
        """Take the topics with their partition counts; nothing runs before `start`."""
        self._supervisor = supervisor
        self._partitions = dict(partitions)
        self._start_timeout_s = start_timeout_s
        self.child: Child | None = None
        self.bootstrap_servers = ""

    def start(self) -> str:
        """Start and return host:port."""
        command = [sys.executable, "-m", "cryptoflow.localstack.mockbroker", json.dumps(self._partitions)]
        self.child = self._supervisor.start("mockbroker", command)
        self.child.wait_until(self._told, self._start_timeout_s, "starting the mock broker")
        return self.bootstrap_servers

    def stop(self) -> None:
        """Stop; all records are gone."""
        if self.child:
            self.child.stop()

    def kill(self) -> None:
        """End with SIGKILL; all records are gone."""
        if self.child:
            self.child.kill()

    def alive(self) -> bool:
        """Return True while the process runs."""
        return self.child is not None and self.child.alive()

    def _told(self) -> bool:
        if self.child is None:
            return False
        for line in reversed(self.child.log.read_text("utf-8").splitlines()):
            if line.startswith(_READY) and json.loads(line)["pid"] == self.child.pid:
                self.bootstrap_servers = str(json.loads(line)["bootstrap_servers"])
                return True
        return False


def _library() -> Any:
    """Load the librdkafka that the confluent-kafka wheel brings; its Python part does not reach the mock."""
    package = Path(confluent_kafka.__file__).parent
    for folder in (package.with_name("confluent_kafka.libs"), package / ".dylibs"):
        for found in sorted(folder.glob("librdkafka*")):
            return ctypes.CDLL(str(found))
    raise StopError("starting the mock broker: this confluent-kafka brings no librdkafka", fix="install Java and Maven")


def serve(partitions: Mapping[str, int]) -> str:
    """Start a mock broker in this process with these topics and return host:port; it lives until the end."""
    library = _library()
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = (ctypes.c_void_p,)
    library.rd_kafka_mock_topic_create.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)
    errors = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(_PRODUCER, None, errors, len(errors))
    cluster = library.rd_kafka_mock_cluster_new(client, 1) if client else None
    if not cluster:
        raise StopError(f"starting the mock broker: {errors.value.decode() or 'librdkafka refused'}")
    # Without a controller, questions about topics wait for one instead of being refused.
    library.rd_kafka_mock_set_controller_id.argtypes = (ctypes.c_void_p, ctypes.c_int32)
    library.rd_kafka_mock_set_controller_id(cluster, 1)
    for topic, count in partitions.items():
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), count, 1)
    return str(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())


def main() -> None:
    """Run the mock broker until SIGTERM and print where it listens."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    servers = serve(json.loads(sys.argv[1]))
    told = json.dumps({"bootstrap_servers": servers, "pid": os.getpid()})
    sys.stdout.write(told + "\n")
    sys.stdout.flush()
    over.wait()


if __name__ == "__main__":
    main()
