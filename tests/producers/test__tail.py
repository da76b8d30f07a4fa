"""While symbols change hands a producer hears what others append to the raw topic, and only that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import cast

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition

from cryptoflow.config import Kafka, Settings
from cryptoflow.errors import BrokerAwayError
from cryptoflow.localstack.mockbroker import serve
from producers import _tail
from producers._tail import Tail, places
from schemas import RawRecord, encode_frame, encode_raw
from tests.doubles.venue_run import until

PARTITIONS = 3
KEY, OTHER = b"binance.usdm.AAA", b"binance.usdm.BBB"


@pytest.fixture
def settings() -> Settings:
    """Point at librdkafka's mock broker, which has one raw topic."""
    kafka = Kafka(prefix=f"t{uuid.uuid4().hex[:6]}.")
    servers = serve({kafka.raw_topic("binance"): PARTITIONS})
    return Settings(kafka=Kafka(prefix=kafka.prefix, bootstrap_servers=servers))


class Log:
    """Append to the raw topic and read its tail."""

    def __init__(self, settings: Settings) -> None:
        """Stand at the end."""
        self._topic = settings.kafka.raw_topic("binance")
        self._producer = confluent_kafka.Producer(settings.kafka.client())
        self._settings = settings

    def append(self, key: bytes, *numbers: int, value: bytes | None = None, partition: int = 0) -> None:
        """Append one record per number."""
        symbol = key.rpartition(b".")[2].decode()
        for number in numbers:
            raw = encode_raw("binance", "usdm", symbol, "test", [encode_frame("c", number, number, "trades", b"1")])
            self._producer.produce(self._topic, raw if value is None else value, key, partition=partition)
        assert self._producer.flush(10) == 0


@pytest.fixture
def log(settings: Settings) -> Log:
    """Return a log to append to."""
    return Log(settings)


@pytest.fixture
def tail(settings: Settings, log: Log) -> Iterator[Tail]:
    """Return a tail of a topic that holds records already."""
    for partition in range(PARTITIONS):
        log.append(KEY, 1, partition=partition)
    one = Tail(settings, "binance", PARTITIONS, {})
    yield one
    one.close()


async def heard(tail: Tail, log: Log, count: int, *keys: bytes) -> list[int]:
    """Append and return the numbers of so many records heard."""
    log.append(OTHER, 100)
    log.append(KEY, *range(2, 2 + count))
    found: list[RawRecord] = []

    def arrived() -> bool:
        found.extend(tail.poll(keys))
        return len(found) >= count

    await until(arrived, 10, "hearing the records")
    return [frame.n for record in found for frame in record.frames]


async def test_it_hears_what_is_appended_from_its_start_on(tail: Tail, log: Log) -> None:
    """It stands at the end once it is made: older records are not handed out, others' are skipped, in log order."""
    assert await heard(tail, log, 4, KEY) == [2, 3, 4, 5]


async def test_it_goes_on_where_the_log_was_read_to(settings: Settings, log: Log) -> None:
    """Nothing that was appended meanwhile is missed; other partitions are heard from their ends."""
    log.append(KEY, 1, 2, 3)
    log.append(KEY, 4, partition=1)
    one = Tail(settings, "binance", PARTITIONS, {0: 1})
    log.append(KEY, 5, partition=1)
    found: list[RawRecord] = []

    def arrived() -> bool:
        found.extend(one.poll((KEY,)))
        return len(found) >= 3

    try:
        await until(arrived, 10, "hearing the records")
        assert sorted(frame.n for record in found for frame in record.frames) == [2, 3, 5]
    finally:
        one.close()


class Times:
    """Answer for the offsets of times as a broker does: -1 for one that no record has reached."""

    def __init__(self, *offsets: int) -> None:
        """Take the offset of each partition at any time; all end at 100."""
        self._offsets = offsets

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Answer."""
        del timeout
        end = confluent_kafka.OFFSET_END
        found = [100 if one.offset == end else self._offsets[one.partition] for one in asked]
        return [TopicPartition(one.topic, one.partition, at) for one, at in zip(asked, found, strict=True)]


def test_a_place_is_a_time_or_the_end() -> None:
    """A partition without a record of that time or later is read from its end."""
    asked = cast("confluent_kafka.Consumer", Times(7, -1, 9))
    assert [(one.partition, one.offset) for one in places(asked, "t", 3, 5_000_000)] == [(0, 7), (2, 9), (1, 100)]
    assert [one.offset for one in places(asked, "t", 3)] == [100, 100, 100]


def test_a_broker_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can stand at the end of a log that is not there."""
    monkeypatch.setattr(_tail, "_TIMEOUT_S", 0.2)
    with pytest.raises(BrokerAwayError, match=r"reading the end of raw\.binance"):
        Tail(Settings(kafka=Kafka(bootstrap_servers="127.0.0.1:1")), "binance", PARTITIONS, {})


async def test_foreign_records_prove_nothing(tail: Tail, log: Log) -> None:
    """Damaged bytes, an empty value and another version are passed over; what follows is heard."""
    assert await heard(tail, log, 1, KEY) == [2]
    for value in (b"", b"rubbish", b'{"v":9}', b"[" * 100_000):
        log.append(KEY, 1, value=value)
    assert await heard(tail, log, 3, KEY) == [2, 3, 4]


async def test_one_call_is_bounded(tail: Tail, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy log does not hold the loop up: a call takes so many batches and the next goes on there."""
    assert await heard(tail, log, 1, KEY) == [2]
    monkeypatch.setattr(_tail, "_BATCH_MAX", 2)
    monkeypatch.setattr(_tail, "_POLLS_MAX", 2)
    log.append(KEY, *range(10, 30))
    found: list[list[RawRecord]] = []

    def all_heard() -> bool:
        found.append(tail.poll({KEY}))
        return sum(map(len, found)) == 20

    await until(all_heard, 10, "hearing all")
    assert max(map(len, found)) <= 4
    assert [frame.n for records in found for record in records for frame in record.frames] == [*range(10, 30)]
