"""The reader on a real broker: positions, identities, retention, waiting."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from md_log import MdLog

from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, HoleError, IdentityError, RetentionError
from cryptoflow.localstack.broker import KafkaBroker
from sinks._read import Reader
from sinks._sink import MdRecord, Patience, TopicIdentity


class Topic:
    """Hold one topic of its own with some records."""

    def __init__(self, broker: KafkaBroker) -> None:
        """Create it with two partitions."""
        self.name = f"t{uuid.uuid4().hex[:8]}.md.trades"
        self.servers = broker.bootstrap_servers
        self.admin = AdminClient({"bootstrap.servers": self.servers})
        self.create()
        self.log = MdLog("md.trades")

    def create(self) -> None:
        """Create the topic, and wait until the broker, which learns of it from its controller, knows it."""
        for future in self.admin.create_topics([NewTopic(self.name, 2, 1)]).values():
            future.result(30)
        deadline = time.monotonic() + 30
        while self.name not in self.admin.list_topics(timeout=10).topics:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def recreate(self) -> None:
        """Delete and create it again."""
        for future in self.admin.delete_topics([self.name]).values():
            future.result(30)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.create()
            except KafkaException:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            else:
                return

    def write(self, partition: int, records: int) -> None:
        """Append records."""
        producer = Producer({"bootstrap.servers": self.servers})
        for _ in range(records):
            record = self.log.append(partition, [self.log.prev.get(partition, -1) + 1])
            producer.produce(self.name, record.value, partition=partition, headers=record.header.to_kafka())
        assert producer.flush(30) == 0

    def settings(self, **sinks: object) -> Settings:
        """Return settings that reach the broker."""
        values = {"topic_wait_s": 1.0} | sinks
        return Settings(kafka={"bootstrap_servers": self.servers}, sinks=values)

    def reader(self, **sinks: object) -> Reader:
        """Make a reader."""
        return Reader(self.settings(**sinks), [self.name])

    def identity(self, **sinks: object) -> TopicIdentity:
        """Ask who the topic is."""
        reader = self.reader(**sinks)
        try:
            return reader.identify(patience())[self.name]
        finally:
            reader.close()


def patience() -> Patience:
    """Be patient."""
    return Patience(threading.Event(), 5)


def read_all(reader: Reader, count: int) -> list[MdRecord]:
    """Read until `count` records are there."""
    found: list[MdRecord] = []
    deadline = time.monotonic() + 30
    while len(found) < count:
        found += reader.read(100, 0.2)
        assert time.monotonic() < deadline
    return found


@pytest.fixture
def topic(broker: KafkaBroker) -> Iterator[Topic]:
    """Give a topic with five records in each partition."""
    made = Topic(broker)
    made.write(0, 5)
    made.write(1, 5)
    return made


@pytest.mark.stack
def test_reading_begins_at_the_positions_given(topic: Topic) -> None:
    """None is the beginning; a number is the next offset; order holds within a partition."""
    reader = topic.reader()
    reader.start({(topic.name, 0): None, (topic.name, 1): 3})
    found = read_all(reader, 7)
    assert [r.offset for r in found if r.partition == 0] == [0, 1, 2, 3, 4]
    assert [r.offset for r in found if r.partition == 1] == [3, 4]
    assert found[0].header.raw_topic == "raw.binance"
    reader.rewind({(topic.name, 0): 4})
    assert [(r.partition, r.offset) for r in read_all(reader, 1)] == [(0, 4)]
    assert reader.lag({(topic.name, 0): 2, (topic.name, 1): 5}) == {(topic.name, 0): 3, (topic.name, 1): 0}
    reader.close()


@pytest.mark.stack
def test_partitions_are_shared_by_replica_index(topic: Topic) -> None:
    """Partition p belongs to replica p % sink_count."""
    assert topic.identity().partitions == (0, 1)
    assert topic.identity(sink_count=2, sink_index=1).partitions == (1,)
    assert topic.identity(sink_count=3, sink_index=2).partitions == ()


@pytest.mark.stack
def test_a_recreated_topic_has_another_identity(topic: Topic) -> None:
    """The topic id, not the name, is the identity."""
    before = topic.identity()
    topic.recreate()
    after = topic.identity()
    assert before.cluster == after.cluster
    assert before.topic_id != after.topic_id


@pytest.mark.stack
def test_a_log_that_begins_after_the_position_stops(topic: Topic) -> None:
    """Retention that passed the position is RetentionError; a new table may ask for the log's start."""
    for future in topic.admin.delete_records([TopicPartition(topic.name, 0, 3)]).values():
        future.result(30)
    for start in (2, None):
        reader = topic.reader()
        with pytest.raises(RetentionError, match="log begins at 3"):
            reader.start({(topic.name, 0): start})
        reader.close()
    reader = topic.reader(new_table_start="log_start")
    reader.start({(topic.name, 0): None})
    assert [r.offset for r in read_all(reader, 2)] == [3, 4]
    reader.close()


@pytest.mark.stack
def test_retention_that_overtakes_a_running_reader_stops(topic: Topic) -> None:
    """Out of range in the middle of reading is RetentionError, never a reset."""
    reader = topic.reader()
    reader.start({(topic.name, 0): 5})
    for future in topic.admin.delete_records([TopicPartition(topic.name, 0, 5)]).values():
        future.result(30)
    topic.write(0, 3)
    read_all(reader, 3)
    for future in topic.admin.delete_records([TopicPartition(topic.name, 0, 8)]).values():
        future.result(30)
    reader.rewind({(topic.name, 0): 6})
    with pytest.raises(RetentionError):
        read_all(reader, 1)
    reader.close()


@pytest.mark.stack
def test_a_log_that_ends_before_the_position_stops(topic: Topic) -> None:
    """A position beyond the end belongs to another log."""
    reader = topic.reader()
    with pytest.raises(IdentityError, match="log ends at 5"):
        reader.start({(topic.name, 0): 6})
    reader.close()


@pytest.mark.stack
def test_a_record_without_headers_stops(topic: Topic) -> None:
    """Only the worker writes md topics; anything else is named with its place."""
    producer = Producer({"bootstrap.servers": topic.servers})
    producer.produce(topic.name, b"x", partition=0)
    producer.flush(30)
    reader = topic.reader()
    reader.start({(topic.name, 0): 5})
    with pytest.raises(HoleError, match=r"\[0\]@5"):
        read_all(reader, 1)
    reader.close()


@pytest.mark.stack
def test_missing_topics_are_waited_for_and_then_named(broker: KafkaBroker) -> None:
    """Within the limit a topic that appears is found; after it the error says what to do."""
    missing = Topic.__new__(Topic)
    missing.name, missing.servers = f"t{uuid.uuid4().hex[:8]}.md.trades", broker.bootstrap_servers
    missing.admin = AdminClient({"bootstrap.servers": missing.servers})
    reader = missing.reader()
    with pytest.raises(ConfigError, match="topics apply"):
        reader.identify(patience())
    reader.close()
    reader = missing.reader(topic_wait_s=30)
    threading.Timer(0.7, missing.create).start()
    assert reader.identify(patience())[missing.name].partitions == (0, 1)
    reader.close()


def test_a_broker_that_is_away_is_waited_for_and_then_named() -> None:
    """Nothing listens: after the limit the error names the address; a stop ends the wait at once."""
    settings = Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}, sinks={"topic_wait_s": 0})
    reader = Reader(settings, ["md.trades"])
    stop = threading.Event()
    stop.set()
    assert reader.identify(Patience(stop, 0)) == {}
    with pytest.raises(BrokerAwayError, match=r"127\.0\.0\.1:1"):
        reader.identify(patience())
    reader.close()


def test_a_sink_needs_a_broker_and_a_right_index() -> None:
    """Wrong settings are one line each."""
    with pytest.raises(ConfigError, match="bootstrap_servers"):
        Reader(Settings(), ["md.trades"])
    settings = Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}, sinks={"sink_index": 1})
    with pytest.raises(ConfigError, match="sink_index"):
        Reader(settings, ["md.trades"])
