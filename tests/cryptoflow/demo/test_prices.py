"""The live view's prices are the last trades, as exact text."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from md_log import batch

from cryptoflow.config import Kafka, Settings
from cryptoflow.demo import prices
from cryptoflow.demo.prices import TOPIC, LastPrices
from schemas import encode_md, topics


class ScriptedConsumer:
    """Hand out the records a test puts in; it cannot imitate partitions or a broker that is away."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Keep the settings."""
        self.settings = settings
        self.assigned: list[Any] = []
        self.waiting: list[Any] = []
        self.closed = False

    def assign(self, partitions: list[Any]) -> None:
        """Note what is followed."""
        self.assigned = partitions

    def consume(self, count: int, timeout_s: float) -> list[Any]:
        """Hand out what waits."""
        del timeout_s
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def close(self) -> None:
        """Note it."""
        self.closed = True


def trades(symbols: list[str], values: list[str | None]) -> Any:
    """Make a record of md.trades with these prices."""
    made = batch(TOPIC, 0, range(len(symbols)), 1)
    declared = topics()[TOPIC].schema
    columns = {name: made.column(name) for name in made.schema.names}
    columns["symbol"] = pa.array(symbols).cast(declared.field("symbol").type)
    numbers = [None if value is None else Decimal(value) for value in values]
    columns["price"] = pa.array(numbers, declared.field("price").type)
    fields = [field.with_nullable(nullable=True) for field in declared]
    value = encode_md(pa.RecordBatch.from_arrays([columns[name] for name in declared.names], schema=pa.schema(fields)))
    return SimpleNamespace(error=lambda: None, value=lambda: value)


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> tuple[LastPrices, ScriptedConsumer]:
    """Return the prices and the consumer under them."""
    monkeypatch.setattr(prices, "Consumer", ScriptedConsumer)
    found = LastPrices(Settings(kafka=Kafka(prefix="x.", partitions=3)))
    consumer = found._consumer
    assert isinstance(consumer, ScriptedConsumer)
    return found, consumer


def test_every_partition_is_followed_and_no_position_is_stored(
    following: tuple[LastPrices, ScriptedConsumer],
) -> None:
    """Looking on changes nothing for those who work."""
    found, consumer = following
    assert [(each.topic, each.partition) for each in consumer.assigned] == [(f"x.{TOPIC}", n) for n in range(3)]
    assert consumer.settings["enable.auto.commit"] is False
    found.close()
    assert consumer.closed


def test_the_last_trade_of_each_symbol_stays(following: tuple[LastPrices, ScriptedConsumer]) -> None:
    """A later trade replaces an earlier one; symbols that are quiet keep theirs; zeros at the end are not shown."""
    found, consumer = following
    consumer.waiting = [trades(["A-USDT", "B-USDT", "A-USDT"], ["1.5", "700", "1.250"])]
    assert found.read() == {"A-USDT": "1.25", "B-USDT": "700"}
    consumer.waiting = [trades(["B-USDT"], ["701"])]
    assert found.read() == {"A-USDT": "1.25", "B-USDT": "701"}
    assert found.read() == {"A-USDT": "1.25", "B-USDT": "701"}


def test_what_says_nothing_is_passed_over(following: tuple[LastPrices, ScriptedConsumer]) -> None:
    """An error in place of a record and a row without price change nothing."""
    found, consumer = following
    failed = SimpleNamespace(error=lambda: "away", value=lambda: b"")
    consumer.waiting = [trades(["A-USDT"], ["1"]), failed, trades(["A-USDT"], [None])]
    assert found.read() == {"A-USDT": "1"}
