"""The last trade of each symbol, read from the end of md.trades for the live view."""

from __future__ import annotations

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from cryptoflow.config import Settings
from schemas import decode_md

TOPIC = "md.trades"
READ_MAX_RECORDS = 200
_WAIT_S = 0.05


class LastPrices:
    """Follow md.trades from where it ends when asked first; what came before is not shown."""

    def __init__(self, settings: Settings) -> None:
        """Join no group and store no position."""
        self._consumer = Consumer(
            {**settings.kafka.client(), "group.id": "cryptoflow-demo", "enable.auto.commit": False}
        )
        topic = settings.kafka.md_topic(TOPIC)
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_END) for number in range(settings.kafka.partitions)]
        )
        self.prices: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        """Take what has come since and return {symbol: price as text}."""
        for message in self._consumer.consume(READ_MAX_RECORDS, _WAIT_S):
            if message.error() is None:
                batch = decode_md(message.value() or b"")
                symbols, prices = batch.column("symbol").to_pylist(), batch.column("price").to_pylist()
                self.prices.update(
                    {
                        symbol: f"{price.normalize():f}"
                        for symbol, price in zip(symbols, prices, strict=True)
                        if price is not None
                    }
                )
        return dict(self.prices)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()
