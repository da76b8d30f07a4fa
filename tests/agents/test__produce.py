"""Delivery to a real broker: awaited, in order, and loud when it cannot be."""

from __future__ import annotations

import asyncio

import pytest
from worker_stack import Deployment

from agents._outgoing import Outgoing
from agents._produce import KafkaOutlet
from cryptoflow.config import Kafka
from cryptoflow.errors import CryptoflowError, StopError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.supervise import Supervisor

pytestmark = pytest.mark.stack


@pytest.fixture
def deployment(broker: KafkaBroker, supervisor: Supervisor) -> Deployment:
    """Have topics of its own."""
    made = Deployment(broker.bootstrap_servers, supervisor, partitions=2)
    made.create_topics()
    return made


def outlet(deployment: Deployment, told: list[CryptoflowError] | None = None) -> KafkaOutlet:
    """Connect to the deployment."""
    kafka = Kafka(bootstrap_servers=deployment.bootstrap, prefix=deployment.prefix, message_max_bytes=100_000)
    return KafkaOutlet(kafka, kafka.state_topic("all"), (told if told is not None else []).append)


async def test_chains_are_delivered_in_order_with_their_headers(deployment: Deployment) -> None:
    """When the answer completes everything is in the log, each topic's records in their order."""
    sender = outlet(deployment)
    topics = [deployment.prefix + name for name in ("md.trades", "md.quotes")]
    chains = {t: [Outgoing(t, 1, b"%d" % n, [("rows", b"%d" % n)]) for n in range(20)] for t in topics}
    await sender.start(chains)
    sender.close(5)
    for topic in topics:
        messages = deployment.read(topic)[1]
        assert [message.value() for message in messages] == [b"%d" % n for n in range(20)]
        assert messages[3].headers() == [("rows", b"3")]
        assert messages[3].key() is None


async def test_checkpoint_entries_keep_their_order_and_clear(deployment: Deployment) -> None:
    """Entries of one write stand in order; None is a tombstone."""
    sender = outlet(deployment)
    await sender.write(0, [(b"a", b"1"), (b"b", b"2"), (b"a", None)])
    sender.close(5)
    messages = deployment.read(f"{deployment.prefix}state.all")[0]
    assert [(message.key(), message.value()) for message in messages] == [(b"a", b"1"), (b"b", b"2"), (b"a", None)]


async def test_a_record_too_large_is_an_error_not_a_loss(deployment: Deployment) -> None:
    """What can never be delivered raises where it is awaited."""
    sender = outlet(deployment)
    topic = f"{deployment.prefix}md.trades"
    with pytest.raises(StopError, match="sending to"):
        await sender.start({topic: [Outgoing(topic, 0, bytes(200_000))]})
    sender.close(5)


async def test_a_partition_that_does_not_exist_is_an_error(deployment: Deployment) -> None:
    """A delivery that fails for good raises; nothing after it in the chain is sent."""
    sender = outlet(deployment)
    topic = f"{deployment.prefix}md.trades"
    with pytest.raises(StopError, match=r"md\.trades"):
        await asyncio.wait_for(sender.start({topic: [Outgoing(topic, 7, b"x"), Outgoing(topic, 0, b"y")]}), 30)
    sender.close(5)
    assert not deployment.read(topic)[0]
