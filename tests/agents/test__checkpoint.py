"""Reading checkpoints back from a real compacted topic."""

from __future__ import annotations

import pytest
from worker_stack import Deployment

from agents._checkpoint import KafkaReader
from agents._log import KafkaLog
from agents._position import Barrier, Span, StateValue, barrier_key, encode_barrier, encode_state, state_key
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, StopError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.ports import free_port
from cryptoflow.localstack.supervise import Supervisor

pytestmark = pytest.mark.stack


@pytest.fixture
def deployment(broker: KafkaBroker, supervisor: Supervisor) -> Deployment:
    """Have topics of its own."""
    made = Deployment(broker.bootstrap_servers, supervisor, partitions=2)
    made.create_topics()
    return made


def reader(deployment: Deployment) -> KafkaReader:
    """Read the deployment's state topic."""
    kafka = Kafka(bootstrap_servers=deployment.bootstrap, prefix=deployment.prefix)
    return KafkaReader(kafka, kafka.state_topic("all"), KafkaLog(kafka, 10), 20)


def write(deployment: Deployment, partition: int, *entries: tuple[bytes, bytes | None]) -> None:
    """Write entries to the state topic."""
    producer = deployment.producer()
    for key, value in entries:
        producer.produce(f"{deployment.prefix}state.all", key=key, value=value, partition=partition)
    producer.flush()


def test_it_reads_each_partition_to_its_end(deployment: Deployment) -> None:
    """Live entries of the asked raw topic come back, cleared ones and other topics' do not."""
    raw = deployment.raw_topic
    barrier = Barrier(5, {}, "c", "t", 2, "e")
    states = [(state_key(raw, f"s{n}", "e"), encode_state(StateValue(n, b"x" * 1000))) for n in range(3000)]
    write(deployment, 0, *states, (barrier_key(raw, 0, "e"), encode_barrier(barrier)))
    write(deployment, 0, (state_key(raw, "s7", "e"), None), (state_key("raw.other", "s", "e"), b"not ours"))
    found = reader(deployment).read_now([(raw, 0), (raw, 1)])
    restored, identity, span = found[raw, 0]
    assert len(restored.states) == 2999
    assert restored.states["s8"] == StateValue(8, b"x" * 1000)
    assert restored.barriers == [barrier]
    assert identity.partitions == 2
    assert span == Span(0, 0)
    assert found[raw, 1][0].states == {}


async def test_it_reads_off_the_event_loop(deployment: Deployment) -> None:
    """The awaited form gives the same."""
    assert (await reader(deployment).read([(deployment.raw_topic, 0)])).keys() == {(deployment.raw_topic, 0)}


def test_a_tail_of_tombstones_is_an_end_like_any_other(deployment: Deployment) -> None:
    """Nothing live is left, and reading still ends."""
    key = state_key(deployment.raw_topic, "s", "e")
    write(deployment, 1, (key, encode_state(StateValue(1, b"x"))), (key, None))
    assert reader(deployment).read_now([(deployment.raw_topic, 1)])[deployment.raw_topic, 1][0].states == {}


def test_broken_entries_stop(deployment: Deployment) -> None:
    """A checkpoint that cannot be read is not taken for none."""
    write(deployment, 0, (state_key(deployment.raw_topic, "s", "e"), b"\xc1"))
    with pytest.raises(StopError, match="reading checkpoints"):
        reader(deployment).read_now([(deployment.raw_topic, 0)])


def test_a_broker_that_stays_away_ends_the_wait() -> None:
    """It asks again until the time is over, then says so."""
    kafka = Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerAwayError):
        KafkaReader(kafka, "state.all", KafkaLog(kafka, 0.2), 0.5).read_now([("raw.x", 0)])
