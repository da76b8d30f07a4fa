"""Open gaps are what the end of md.gaps says, and what it cannot say is told as unknown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import confluent_kafka
import pyarrow as pa
import pytest

from cryptoflow import gaps
from cryptoflow.config import Kafka
from cryptoflow.localstack import mockbroker
from cryptoflow.localstack.ports import free_port
from schemas import encode_md, topics

_PREFIXES = itertools.count()
_TOPICS_MAX = 6


@pytest.fixture(scope="module")
def servers() -> str:
    """Return librdkafka's broker in memory, with md.gaps of two partitions under some prefixes."""
    return mockbroker.serve({f"t{n}.md.gaps": 2 for n in range(_TOPICS_MAX)})


@pytest.fixture
def kafka(servers: str) -> Iterator[Kafka]:
    """Reach a topic of the test's own."""
    return Kafka(bootstrap_servers=servers, prefix=f"t{next(_PREFIXES)}.")


def gap_row(stream: str, gap_id: str, revision: int = 0, **changes: Any) -> dict[str, Any]:
    """Describe a row of md.gaps."""
    return {
        "exchange": "okx", "market": "swap", "native_symbol": "AAA", "stream": stream, "gap_id": gap_id,
        "revision": revision, "cause": "sequence", "from_ns": 5, **changes,
    }  # fmt: skip


def value_of(*rows: dict[str, Any]) -> bytes:
    """Encode rows as a worker does."""
    schema = topics()["md.gaps"].schema
    columns = [pa.array([row.get(one.name) for row in rows], one.type) for one in schema]
    return encode_md(pa.RecordBatch.from_arrays(columns, schema=schema))


def publish(kafka: Kafka, partition: int, *values: bytes) -> None:
    """Write records."""
    producer = confluent_kafka.Producer(kafka.client())
    for value in values:
        producer.produce(kafka.md_topic("md.gaps"), value, partition=partition)
    assert producer.flush(10) == 0


def test_a_gap_is_open_until_it_is_closed(kafka: Kafka) -> None:
    """By symbol and stream, over all partitions; records written twice after a kill change nothing."""
    again = value_of(gap_row("book", "g1"))
    publish(kafka, 0, again, value_of(gap_row("book", "g1", 1), gap_row("trades", "g2")), again)
    publish(kafka, 1, value_of(gap_row("book", "g3", native_symbol="BBB", cause="checksum")))
    found = gaps.declared(kafka)
    assert found.unknown == ""
    assert found.of("okx", "swap", "AAA", ["book"]) == []
    assert found.of("okx", "swap", "AAA", ["quotes", "trades"]) == [gaps.OpenGap("g2", "sequence", 5)]
    assert found.of("okx", "swap", "CCC", ["book"]) == []
    assert found.of("okx", "swap", None, ["book"]) == [gaps.OpenGap("g3", "checksum", 5)]
    assert found.of("okx", "spot", None, ["book"]) == []


def test_what_stands_before_the_records_read_is_not_known(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream the records name is known all the same; ids filled late say nothing of what opened since."""
    monkeypatch.setattr(gaps, "READ_MAX_RECORDS", 6)
    old = value_of(gap_row("trades", "old"))
    late = value_of(gap_row("quotes", "g0", 2), gap_row("book", "g1", 1), gap_row("funding", "g2"))
    publish(kafka, 0, old, late, late, late)
    found = gaps.declared(kafka)
    assert found.unknown == f"what was declared before the oldest record read of {kafka.prefix}md.gaps is not known"
    assert found.of("okx", "swap", "AAA", ["trades"]) is None
    assert found.of("okx", "swap", "AAA", ["quotes"]) is None
    assert found.of("okx", "swap", "AAA", ["book"]) == []
    assert found.of("okx", "swap", "AAA", ["funding", "trades"]) == [gaps.OpenGap("g2", "sequence", 5)]
    assert found.of("okx", "swap", None, ["book"]) is None
    assert found.of("okx", "swap", None, ["funding"]) == [gaps.OpenGap("g2", "sequence", 5)]


def test_an_empty_topic_says_that_no_gap_is_open(kafka: Kafka) -> None:
    """Nothing was ever declared."""
    assert gaps.declared(kafka) == gaps.Declared()


def test_a_record_that_cannot_be_read_makes_all_unknown(kafka: Kafka) -> None:
    """It may have opened or closed any gap."""
    publish(kafka, 0, value_of(gap_row("book", "g1")), b"spoiled")
    found = gaps.declared(kafka)
    assert found.unknown.startswith("reading md.gaps: a record cannot be read: ")
    assert found.of("okx", "swap", "AAA", ["book"]) is None


def test_reading_ends_in_time(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps that were opened in the records read may be closed in the rest, so nothing is known."""
    publish(kafka, 0, value_of(gap_row("book", "g1")))
    seconds = itertools.count(step=3)
    monkeypatch.setattr(gaps, "monotonic_s", lambda: float(next(seconds)))
    assert gaps.declared(kafka) == gaps.Declared(
        unknown=f"reading {kafka.prefix}md.gaps: its end was not reached in 10 s"
    )


def test_why_nothing_is_known_is_told(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a broker, with one that is away, and with one that has no such topic."""
    assert gaps.declared(Kafka()).unknown == "no broker is configured, and no local stack runs"
    monkeypatch.setattr(gaps, "READ_MAX_S", 0.5)
    away = gaps.declared(Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    assert away.unknown.startswith("reading md.gaps: ")
    assert away.of("okx", "swap", "AAA", ["book"]) is None
    monkeypatch.setattr(gaps, "READ_MAX_S", 5.0)
    assert gaps.declared(Kafka(bootstrap_servers=servers, prefix="no.")).unknown
