"""The broker is real, on loopback, and comes back as itself after a stop or a kill."""

from __future__ import annotations

from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # exported without saying so

from cryptoflow.errors import StopError
from cryptoflow.localstack.broker import KafkaBroker, storage_id
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.supervise import Supervisor


def test_storage_ids_are_no_options() -> None:
    """The storage tool takes an id with a leading dash for an option and formats nothing."""
    drawn = {storage_id() for _ in range(2000)}
    assert len(drawn) == 2000
    assert all(len(each) == 22 and not each.startswith("-") for each in drawn)


def records_of(servers: str, topic: str) -> list[bytes]:
    """Read a topic of one partition to its end."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "t", "enable.partition.eof": True})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
    found: list[bytes] = []
    while (message := consumer.poll(30)) is not None:
        if message.error() is not None:
            break
        found.append(message.value())
    consumer.close()
    return found


@pytest.mark.stack
@pytest.mark.skipif(bool(jars.missing()), reason=jars.missing() or "Java and Maven are there")
def test_a_killed_broker_comes_back_with_its_records(tmp_path: Path) -> None:
    """The port, the cluster and every acknowledged record are the same after SIGKILL."""
    owner = Supervisor(tmp_path / "logs")
    broker = KafkaBroker(tmp_path / "kafka", owner, message_max_bytes=2_000_000, heap_mib=256)
    try:
        servers = broker.start()
        admin = AdminClient({"bootstrap.servers": servers})
        cluster = admin.list_topics(timeout=10).cluster_id
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(10)
        producer = confluent_kafka.Producer({"bootstrap.servers": servers, "message.max.bytes": 2_000_000})
        large = b"x" * 1_500_000
        for value in (b"one", large):
            producer.produce("t", value)
        assert producer.flush(20) == 0
        broker.kill()
        assert not broker.alive()
        broker.revive()
        assert broker.bootstrap_servers == servers
        assert records_of(servers, "t") == [b"one", large]
        assert AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).cluster_id == cluster
        listening = broker.data_dir.joinpath("server.properties").read_text("utf-8")
        assert "127.0.0.1" in listening
        assert "0.0.0.0" not in listening
        assert "WARN" in broker.child.log_tail() or broker.child.log.stat().st_size > 0  # type: ignore[union-attr]  # it runs
    finally:
        owner.stop()


@pytest.mark.skipif(not jars.java() or not jars.is_downloaded(), reason="no Java, or the jars are not in the cache")
def test_storage_that_cannot_be_formatted_is_told(tmp_path: Path) -> None:
    """The tool's last words become the error."""
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "log").write_text("a file where a folder has to be", "utf-8")
    with pytest.raises(StopError, match="formatting the broker's storage"):
        KafkaBroker(tmp_path / "kafka", Supervisor(tmp_path / "logs")).start()
