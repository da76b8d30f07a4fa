"""Questions to a real broker about ids and offsets."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from worker_stack import Deployment, wait_for

from agents._log import KafkaLog
from agents._position import Span
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, StopError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.ports import free_port
from cryptoflow.localstack.supervise import Supervisor

pytestmark = pytest.mark.stack


@pytest.fixture
def deployment(broker: KafkaBroker, supervisor: Supervisor) -> Deployment:
    """Have topics of its own, with ten records on partition 0."""
    made = Deployment(broker.bootstrap_servers, supervisor, partitions=2)
    made.create_topics()
    producer = made.producer()
    for number in range(10):
        producer.produce(made.raw_topic, b"%d" % number, partition=0)
    producer.flush()
    return made


def log(deployment: Deployment) -> KafkaLog:
    """Ask the deployment's broker."""
    return KafkaLog(Kafka(bootstrap_servers=deployment.bootstrap), 10)


def test_a_recreated_topic_has_another_id(deployment: Deployment) -> None:
    """Name and partition count are the same, the id tells them apart; cluster and count are told too."""
    before = log(deployment).identities([deployment.raw_topic])[deployment.raw_topic]
    admin = AdminClient({"bootstrap.servers": deployment.bootstrap})
    admin.delete_topics([deployment.raw_topic])[deployment.raw_topic].result(30)
    wait_for(lambda: deployment.raw_topic not in log(deployment).partition_counts(), 20, "the topic stays")
    admin.create_topics([NewTopic(deployment.raw_topic, 2, 1)])[deployment.raw_topic].result(30)
    wait_for(lambda: deployment.raw_topic in log(deployment).partition_counts(), 20, "the topic does not come")
    after = log(deployment).identities([deployment.raw_topic])[deployment.raw_topic]
    assert (before.cluster, before.partitions) == (after.cluster, after.partitions)
    assert before.partitions == 2
    assert before.topic_id != after.topic_id


async def test_spans_and_the_next_record(deployment: Deployment) -> None:
    """Offsets come from the broker as they are now."""
    asked = log(deployment)
    assert await asked.span(deployment.raw_topic, 0) == Span(0, 10)
    assert asked.spans([(deployment.raw_topic, 1)]) == {(deployment.raw_topic, 1): Span(0, 0)}
    assert asked.ends([(deployment.raw_topic, 0)]) == {(deployment.raw_topic, 0): 10}
    assert await asked.next_offset(deployment.raw_topic, 0, 4) == 4


def test_a_missing_topic_needs_a_person(deployment: Deployment) -> None:
    """The error names the remedy."""
    with pytest.raises(StopError, match="topics apply"):
        log(deployment).identities([f"{deployment.prefix}nothing"])


def test_a_broker_that_does_not_answer_is_asked_again() -> None:
    """A closed port is a reason to retry, not to stop."""
    away = KafkaLog(Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}"), 0.5)
    with pytest.raises(BrokerAwayError):
        away.partition_counts()
    with pytest.raises(BrokerAwayError):
        away.ends([("raw.x", 0)])
