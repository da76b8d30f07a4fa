"""Hear the agents ask for book snapshots and missing trades on the control topic `reseed`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import confluent_kafka

from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError
from producers._tail import places
from schemas._reseed import ReseedRequest, decode_reseed

__all__ = ["ReseedRequest", "hear", "listen", "read_request"]

ASKED_BEFORE_NS = 60_000_000_000
"""What was asked so long before a producer was last heard may not have been served when it ended."""

_POLL_S = 0.1
_BATCH_MAX = 500


def read_request(value: bytes | None) -> ReseedRequest | None:
    """Decode a request; None for what is none."""
    try:
        return decode_reseed(value or b"")
    except (ValueError, RecursionError):
        return None


def listen(settings: Settings, since_ns: int) -> confluent_kafka.Consumer:
    """Stand at the first request made at this time or later; blocks, so call it in a thread.

    A request is made once. One made while no producer ran, or in the first moments of this one, is heard
    because the place is asked for before anything is received. Without an answer it is the end, wherever
    that is when there is one: a missing topic means that nobody asks.
    """
    consumer = confluent_kafka.Consumer(
        {
            **settings.kafka.client(),
            "group.id": f"{settings.kafka.prefix}producer-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
        }
    )
    topic = settings.kafka.control_topic("reseed")
    try:
        found = places(consumer, topic, 1, since_ns)
    except BrokerAwayError:
        found = [confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_END)]
    consumer.assign(found)
    return consumer


async def hear(consumer: confluent_kafka.Consumer, take: Callable[[ReseedRequest], None]) -> None:
    """Pass every request to `take` until cancelled, then leave the broker."""
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
