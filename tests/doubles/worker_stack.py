"""Run real workers on a real broker: topics, raw records, the rows that came out."""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import confluent_kafka
import hash_core
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cryptoflow import clock
from cryptoflow.localstack.supervise import Child, Supervisor
from schemas import Mark, MdHeader, Verdict, decode_md, topics

EXCHANGE = "binance"


@dataclass
class Deployment:
    """Have a set of topics under a prefix of its own, and workers on them."""

    bootstrap: str
    supervisor: Supervisor
    partitions: int = 4
    settings: dict[str, object] = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}.")

    @property
    def raw_topic(self) -> str:
        """Name the raw topic."""
        return f"{self.prefix}raw.{EXCHANGE}"

    def create_topics(self) -> None:
        """Create all topics a worker needs."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        wide = [self.raw_topic, *(self.prefix + name for name in topics())]
        new = [NewTopic(name, self.partitions, 1, config={"max.message.bytes": "8388608"}) for name in wide]
        new.append(NewTopic(f"{self.prefix}state.all", self.partitions, 1, config={"cleanup.policy": "compact"}))
        new.append(NewTopic(f"{self.prefix}control.reseed", 1, 1))
        for done in admin.create_topics(new).values():
            done.result(30)
        # The controller has answered; the broker learns of them a moment later.
        wanted = {one.topic for one in new}
        wait_for(lambda: wanted <= admin.list_topics(timeout=10).topics.keys(), 30, "topics are not there")

    def environment(self) -> dict[str, str]:
        """Return what a worker's environment says."""
        kafka = {"bootstrap_servers": self.bootstrap, "prefix": self.prefix, "session_timeout_s": 2.0}
        agents = {"checkpoint_interval_s": 0.2, **self.settings}
        return {
            "CRYPTOFLOW_ENVIRONMENT": "test",
            "CRYPTOFLOW_KAFKA": json.dumps(kafka),
            "CRYPTOFLOW_AGENTS": json.dumps(agents),
            "PYTHONPATH": str(Path(__file__).parent),
        }

    def worker(self, name: str, app: str = "hash_worker", **env: str) -> Child:
        """Start a worker through Faust's own command line."""
        faust = str(Path(sys.executable).parent / "faust")
        command = [faust, "-A", app, "worker", "-l", "info"]
        return self.supervisor.start(f"{self.prefix}{name}", command, {**self.environment(), **env}, Path(os.sep))

    def producer(self) -> confluent_kafka.Producer:
        """Return a producer of raw records."""
        return confluent_kafka.Producer(
            {"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True}
        )

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end offsets of a topic."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap, "group.id": "unused"})
        try:
            for attempt in range(20):
                try:
                    return {
                        number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                        for number in range(self.partitions)
                    }
                except confluent_kafka.KafkaException:
                    # A topic just created has no leader yet.
                    threading.Event().wait(0.1 * attempt)
            msg = f"asking for the ends of {topic}"
            raise AssertionError(msg)
        finally:
            consumer.close()

    def read(self, topic: str) -> dict[int, list[confluent_kafka.Message]]:
        """Return all records of a topic by partition, up to the ends it has now."""
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "unused",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        found: dict[int, list[confluent_kafka.Message]] = defaultdict(list)
        try:
            ends = self.ends(topic)
            consumer.assign([TopicPartition(topic, number, 0) for number, end in ends.items() if end])
            deadline = clock.monotonic_s() + 60
            missing = {number for number, end in ends.items() if end}
            while missing:
                assert clock.monotonic_s() < deadline, f"reading {topic}: partitions {missing} do not end"
                for message in consumer.consume(5000, 0.2):
                    error = message.error()
                    if error is None:
                        found[message.partition()].append(message)
                    else:
                        assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
                        missing.discard(message.partition())
        finally:
            consumer.close()
        return found


@dataclass
class Verdicts:
    """Hold what a reader of md topics found."""

    missing: int = 0
    wrong: int = 0
    holes: int = 0
    repeated_rows: int = 0


def judge(deployment: Deployment, md_topics: Sequence[str] = hash_core.TOPICS) -> Verdicts:
    """Read everything as a sink would and compare with an uninterrupted run."""
    verdicts = Verdicts()
    raw = deployment.read(deployment.raw_topic)
    rows: dict[tuple[str, int], list[tuple[int, str, bytes]]] = {}
    for name in md_topics:
        for number, messages in deployment.read(deployment.prefix + name).items():
            rows[name, number] = _trimmed(messages, verdicts)
    for number in range(deployment.partitions):
        wanted = hash_core.expected((m.offset(), m.key(), m.value()) for m in raw[number])
        for name in md_topics:
            got = rows.get((name, number), [])
            verdicts.missing += max(0, len(wanted[name]) - len(got))
            verdicts.wrong += sum(a != b for a, b in zip(wanted[name], got, strict=False)) + max(
                0, len(got) - len(wanted[name])
            )
    return verdicts


def _trimmed(messages: Sequence[confluent_kafka.Message], verdicts: Verdicts) -> list[tuple[int, str, bytes]]:
    mark = Mark()
    kept: list[tuple[int, str, bytes]] = []
    for message in messages:
        header = MdHeader.from_kafka(message.headers())
        verdict = mark.judge(header)
        batch = decode_md(message.value())
        if verdict is Verdict.HOLE:
            verdicts.holes += 1
        if verdict is Verdict.SKIP:
            verdicts.repeated_rows += batch.num_rows
            continue
        taken = mark.trim(header, batch) if verdict is Verdict.TRIM else batch
        verdicts.repeated_rows += batch.num_rows - taken.num_rows
        mark.move(header)
        kept += [(row["raw_offset"], row["symbol"], row["digest"]) for row in taken.to_pylist()]
    return kept


def barriers(deployment: Deployment) -> dict[int, int]:
    """Return the highest `next` that any barrier of a partition had."""
    nexts: dict[int, int] = {}
    for number, messages in deployment.read(f"{deployment.prefix}state.all").items():
        for message in messages:
            if message.key().startswith(b"b|") and message.value():
                nexts[number] = max(nexts.get(number, 0), json.loads(message.value())["next"])
    return nexts


def processed(deployment: Deployment) -> bool:
    """Say whether the barriers of all partitions have reached the end of the raw topic."""
    nexts = barriers(deployment)
    return all(nexts.get(number, 0) >= end for number, end in deployment.ends(deployment.raw_topic).items())


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait until a condition holds; fail with `what` when the time is over."""
    deadline = clock.monotonic_s() + timeout_s
    pause = threading.Event()
    while not condition():
        assert clock.monotonic_s() < deadline, f"waiting {timeout_s:.0f} s: {what}"
        pause.wait(0.2)
