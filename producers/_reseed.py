"""Hear the agents ask for book snapshots and missing trades on the control topic `reseed`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import confluent_kafka

from cryptoflow.config import Settings
from schemas._reseed import ReseedRequest, decode_reseed

__all__ = ["ReseedRequest", "hear", "read_request"]

_POLL_S = 0.1
_BATCH_MAX = 500


def read_request(value: bytes | None) -> ReseedRequest | None:
    """Decode a request; None for what is none."""
    try:
        return decode_reseed(value or b"")
    except (ValueError, RecursionError):
        return None


async def hear(settings: Settings, take: Callable[[ReseedRequest], None]) -> None:
    """Pass every new request to `take` until cancelled. A missing topic means that nobody asks."""
    consumer = confluent_kafka.Consumer(
        {
            **settings.kafka.client(),
            "group.id": f"{settings.kafka.prefix}producer-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
        }
    )
    topic = settings.kafka.control_topic("reseed")
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_END)])
    try:
        while True:
            # Without a timeout the call returns what is there and does not hold the loop up.
            for message in consumer.consume(_BATCH_MAX, 0):
                request = None if message.error() else read_request(message.value())
                if request is not None:
                    take(request)
            await asyncio.sleep(_POLL_S)
    finally:
        await asyncio.to_thread(consumer.close)
