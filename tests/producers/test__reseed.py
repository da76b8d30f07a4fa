"""Requests for snapshots are read from the control topic; anything else there is ignored."""

from __future__ import annotations

import asyncio
import uuid

import confluent_kafka
import pytest

from cryptoflow.config import Kafka, Settings
from cryptoflow.localstack.mockbroker import serve
from producers import _tail
from producers._reseed import ReseedRequest, hear, listen, read_request
from schemas._reseed import encode_reseed
from tests.doubles.venue_run import until

NO_IDS = b'{"exchange":"binance","market":"usdm","symbol":"AAAUSDT","broken_at_ns":17,"kind":"trades"}'


def test_a_request_is_read() -> None:
    """A request without a kind is one for a book; fields that are not known are ignored."""
    value = (
        b'{"exchange":"binance","market":"usdm","symbol":"AAAUSDT","broken_at_ns":17,'
        b'"raw_topic":"raw.binance","else":1,"raw_partition":3,"raw_offset":9}'
    )
    made = ReseedRequest("binance", "usdm", "AAAUSDT", 17, raw_topic="raw.binance", raw_partition=3, raw_offset=9)
    assert read_request(value) == made


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[" * 50_000, b'{"exchange":1}', NO_IDS])
def test_what_is_no_request_is_none(value: bytes | None) -> None:
    """A foreign record does not end the producer."""
    assert read_request(value) is None


async def test_what_is_asked_before_anybody_listens_is_heard() -> None:
    """The place is asked for before the first frame: a request of the first moments is not missed."""
    prefix = f"r{uuid.uuid4().hex[:6]}."
    topic = Kafka(prefix=prefix).control_topic("reseed")
    settings = Settings(kafka=Kafka(prefix=prefix, bootstrap_servers=serve({topic: 1})))
    asked = [ReseedRequest("binance", "usdm", f"S{number}", number) for number in range(3)]
    agents = confluent_kafka.Producer(settings.kafka.client())
    consumer = await asyncio.to_thread(listen, settings, 1)
    for request in asked:
        agents.produce(topic, encode_reseed(request))
    assert agents.flush(10) == 0
    taken: list[ReseedRequest] = []
    task = asyncio.create_task(hear(consumer, taken.append))
    await until(lambda: taken == asked, 10, "hearing the requests")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_a_topic_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer runs without the control topic, and without an answer of the broker."""
    monkeypatch.setattr(_tail, "_TIMEOUT_S", 0.2)
    consumer = await asyncio.to_thread(listen, Settings(kafka=Kafka(bootstrap_servers="127.0.0.1:1")), 1)
    task = asyncio.create_task(hear(consumer, lambda _request: None))
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
