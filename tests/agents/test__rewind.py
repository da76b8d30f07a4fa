"""Going back to records that were passed over."""

from __future__ import annotations

import pytest

from agents._rewind import REWINDS_MAX, Rewind
from cryptoflow.errors import StopError


class Sent:
    """Note where a consumer is sent."""

    def __init__(self) -> None:
        """Begin unsent."""
        self.to: list[tuple[str, int, int]] = []

    async def go_back(self, topic: str, partition: int, offset: int) -> None:
        """Note it."""
        self.to.append((topic, partition, offset))


async def test_each_ask_sends_the_consumer_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """One line names what was passed over."""
    sent = Sent()
    await Rewind("raw.x", 3).ask(sent, 10, 12)
    assert sent.to == [("raw.x", 3, 10)]
    (record,) = caplog.records
    assert vars(record)["event_fields"] == {"topic": "raw.x", "partition": 3, "next_offset": 10, "came_offset": 12}


async def test_a_consumer_that_never_brings_the_record_ends_the_process() -> None:
    """As many times to one record, and no more; progress in between starts the count anew."""
    sent, rewind = Sent(), Rewind("raw.x", 3)
    for _ in range(REWINDS_MAX):
        await rewind.ask(sent, 10, 12)
    await rewind.ask(sent, 11, 12)
    for _ in range(REWINDS_MAX):
        await rewind.ask(sent, 12, 14)
    with pytest.raises(StopError, match="offset 14 came, 12 is next"):
        await rewind.ask(sent, 12, 14)
    assert len(sent.to) == 2 * REWINDS_MAX + 1
