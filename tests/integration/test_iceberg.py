"""The Iceberg sink on a real broker and the real S3 Tables protocol, with real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from md_log import MdLog

from cryptoflow.config import Settings
from cryptoflow.localstack.broker import KafkaBroker
from sinks._sink import MdRecord
from sinks.iceberg import catalog as ice

pytestmark = pytest.mark.stack
TABLES = ("book_deltas", "book_snapshots", "trades")
FAIL_POINTS = (
    "sink.before_upload:1",
    "sink.after_upload:2",
    "sink.before_commit:2",
    "sink.after_commit:1",
    "sink.after_commit:3",
    "sink.recovery:1",
)
PROGRAM = """
import signal, threading
from cryptoflow.config import load
from cryptoflow.logs import setup_logging
from sinks.iceberg import SINK
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
settings = load()
setup_logging(settings.log_level)
SINK.run(settings, stop)
"""


class Stack:
    """Hold one deployment of its own: topics, namespace, log, configuration file."""

    def __init__(self, broker: KafkaBroker, catalog: dict[str, Any], folder: Path) -> None:
        """Create the topics."""
        name = f"t{uuid.uuid4().hex[:8]}"
        values = {
            "environment": "test",
            "kafka": {"bootstrap_servers": broker.bootstrap_servers, "prefix": f"{name}.", "partitions": 2},
            "catalog": catalog | {"namespace": name},
            "sinks": {
                "tables": list(TABLES),
                "flush_age_s": 0.3,
                "quiet_commit_s": 1.0,
                "commit_retry_min_s": 0.01,
                "row_group_rows": 1024,
            },
        }
        self.settings = Settings(**values)  # type: ignore[arg-type]
        self.config = folder / "config.yml"
        self.config.write_text(yaml.safe_dump(values), "utf-8")
        self.folder = folder
        self.logs = {
            "md.trades": MdLog("md.trades"),
            "md.book": MdLog("md.book", kinds=("book_deltas", "book_snapshots", "gap")),
        }
        self.producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        wanted = [NewTopic(self.settings.kafka.md_topic(t), 2, 1) for t in self.logs]
        for future in admin.create_topics(wanted).values():
            future.result(30)
        self.offset = 0
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, records: int) -> None:
        """Append records to both topics and wait for the broker."""
        for _ in range(records):
            for log in self.logs.values():
                for partition in (0, 1):
                    self.send(log.append(partition, [self.offset, self.offset + 1], rows_each=4))
            self.offset += 2
        assert self.producer.flush(30) == 0

    def send(self, record: MdRecord) -> None:
        """Produce one record as the worker does."""
        self.producer.produce(
            self.settings.kafka.md_topic(record.topic),
            record.value,
            partition=record.partition,
            headers=record.header.to_kafka(),
        )

    def sink(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start a sink process."""
        environment = {
            **os.environ,
            "CRYPTOFLOW_CONFIG": str(self.config),
            "CRYPTOFLOW_ENVIRONMENT": "test",
            "CRYPTOFLOW_FAILPOINT": failpoint,
        }
        with (self.folder / "sink.log").open("ab") as output:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stderr=output)
        self.started.append(process)
        return process

    def stop(self) -> None:
        """Leave no process behind, whatever the test did."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def ends(self) -> dict[str, int]:
        """Return rows per table as last committed."""
        catalog = ice.connect(self.settings)
        found = {}
        for name in TABLES:
            table = catalog.load_table((self.settings.catalog.namespace, name))
            snapshot = table.current_snapshot()
            summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
            found[name] = int(summary.get("total-records", 0))
        return found

    def expected(self) -> dict[str, int]:
        """Return rows per table as produced."""
        trades = len(self.logs["md.trades"].identities())
        kinds = Counter(
            ("book_deltas", "book_snapshots", "gap")[(offset * 1000 + row) % 3]
            for _, offset, row in self.logs["md.book"].identities()
        )
        return {"trades": trades, "book_deltas": kinds["book_deltas"], "book_snapshots": kinds["book_snapshots"]}


@pytest.fixture
def stack(broker: KafkaBroker, standin: Any, tmp_path: Path) -> Iterator[Stack]:
    """Give a deployment of its own on the shared parts."""
    made = Stack(broker, standin.values, tmp_path)
    yield made
    made.stop()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waiting for {what}"
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes], seconds: float = 40) -> int:
    """Wait for a process; kill it when it does not end."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def test_kills_at_every_fail_point_leave_each_row_exactly_once(stack: Stack) -> None:
    """Rows are in their tables exactly once after SIGKILL at each named point, and nothing is left over."""
    stack.write(20)
    for point in FAIL_POINTS:
        process = stack.sink(point)
        stack.write(10)
        time.sleep(0.5)
        stack.write(10)
        assert ended(process) == -signal.SIGKILL, f"{point} was never reached"
    process = stack.sink()
    wait_until(lambda: stack.ends() == stack.expected(), 40, "all rows")
    process.terminate()
    assert ended(process, 20) == 0
    catalog = ice.connect(stack.settings)
    for name in TABLES:
        table = catalog.load_table((stack.settings.catalog.namespace, name))
        rows = table.scan().to_arrow().select(["raw_partition", "raw_offset", "row_index"]).to_pylist()
        keys = Counter((r["raw_partition"], r["raw_offset"], r["row_index"]) for r in rows)
        assert len(rows) == stack.expected()[name]
        assert set(keys.values()) == {1}
        paths = [task.file.file_path for task in table.scan().plan_files()]
        assert len(paths) == len(set(paths))


def test_a_stop_commits_what_is_buffered_and_moves_quiet_tables_on(stack: Stack) -> None:
    """SIGTERM ends the process within 20 s; a table without rows has the same position as its topic."""
    stack.logs["md.book"].kinds = ("book_deltas",)
    process = stack.sink()
    stack.write(5)
    wait_until(lambda: "book_deltas" in stack.settings.sinks.tables and _tables_exist(stack), 60, "tables")
    wait_until(lambda: stack.ends()["trades"] > 0, 60, "first commit")
    stack.write(5)
    process.terminate()
    began = time.monotonic()
    assert ended(process, 25) == 0
    assert time.monotonic() - began < 20
    table = ice.connect(stack.settings).load_table((stack.settings.catalog.namespace, "book_snapshots"))
    assert table.scan().to_arrow().num_rows == 0
    positions = [v for k, v in table.properties.items() if k.startswith("cryptoflow.position.")]
    assert len(positions) == 2
    assert all('"next":' in text for text in positions)


def _tables_exist(stack: Stack) -> bool:
    try:
        stack.ends()
    except Exception:  # noqa: BLE001 - not there yet
        return False
    return True
