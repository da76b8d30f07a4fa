"""The mock broker has the topics it was told, with their partitions."""

from __future__ import annotations

from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient

from cryptoflow.localstack import mockbroker
from cryptoflow.localstack.supervise import Supervisor


def test_the_mock_serves_its_topics(tmp_path: Path) -> None:
    """Records go through topics with the partition count asked for, on loopback."""
    owner = Supervisor(tmp_path)
    broker = mockbroker.MockBroker(owner, {"a": 3, "b": 1})
    try:
        servers = broker.start()
        assert servers.startswith("127.0.0.1:")
        found = AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(timeout=10).topics
        assert {name: len(topic.partitions) for name, topic in found.items()} == {"a": 3, "b": 1}
        producer = confluent_kafka.Producer({"bootstrap.servers": servers})
        producer.produce("a", b"x", partition=2)
        assert producer.flush(10) == 0
        assert broker.alive()
        broker.kill()
        assert not broker.alive()
    finally:
        owner.stop()
