"""The Kafka client is set up so that order holds and nothing expires; what it needs is checked first."""

from __future__ import annotations

from typing import cast

import confluent_kafka
import pytest

from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.errors import BrokerAwayError, ConfigError
from producers import _kafka
from producers._kafka import check_topic, connect, producer_settings, watermarks


def settings(**kafka: object) -> Settings:
    """Make settings of a test environment."""
    return Settings(environment="test", kafka=Kafka(**kafka), producer=Producer(in_flight_max_records=7))  # type: ignore[arg-type] # any of its fields


def test_delivery_is_ordered_complete_and_never_expires() -> None:
    """Each of these is a promise of DESIGN 4; the queue is larger than our own limits."""
    found = producer_settings(settings(compression="zstd"))
    expected = {
        "acks": "all", "enable.idempotence": True, "enable.gapless.guarantee": True, "message.timeout.ms": 0,
        "partitioner": "murmur2_random", "compression.type": "zstd",
    }  # fmt: skip
    assert found | expected == found
    assert int(found["queue.buffering.max.messages"]) > 7


def test_librdkafka_accepts_the_settings() -> None:
    """A name it does not know would raise."""
    assert connect(settings(bootstrap_servers="127.0.0.1:1")) is not None


def test_no_broker_is_one_line() -> None:
    """Production reaches the configured broker or says what to set."""
    with pytest.raises(ConfigError, match=r"bootstrap_servers is not set; set it"):
        check_topic(settings(), "raw.binance")


def test_a_broker_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the limit, naming the address."""
    monkeypatch.setattr(_kafka, "METADATA_TIMEOUT_S", 0.5)
    with pytest.raises(BrokerAwayError, match=r"127\.0\.0\.1:1"):
        check_topic(settings(bootstrap_servers="127.0.0.1:1"), "raw.binance")


class Electing:
    """Answer for the ends of a partition once its leader is known."""

    def __init__(self, failures: int) -> None:
        """Fail so often before."""
        self.left = failures

    def get_watermark_offsets(self, place: confluent_kafka.TopicPartition, timeout: float) -> tuple[int, int]:
        """Answer."""
        del timeout
        self.left -= 1
        if self.left >= 0:
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(6))
        return place.partition, 7


def test_the_end_of_a_partition_waits_for_its_leader() -> None:
    """A topic made a moment ago, or a broker that is back, is asked again within the limit."""
    one = cast("confluent_kafka.Consumer", Electing(2))
    assert watermarks(one, "raw.binance", 3, 5.0) == (3, 7)
    with pytest.raises(BrokerAwayError, match=r"reading the end of raw\.binance: Broker: Not leader"):
        watermarks(cast("confluent_kafka.Consumer", Electing(10**9)), "raw.binance", 3, 0.2)
