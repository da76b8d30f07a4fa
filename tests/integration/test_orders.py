"""Orders change running producers: symbols come and go, replicas share, the status tells of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import msgspec

from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.localstack.mockbroker import serve
from exchanges.binance import EXCHANGE
from producers import Recorded, counts, order_count, order_symbols, produce, selections
from producers._replica import owner_of
from schemas import GapEvidence, RawFrame, decode_raw
from tests.doubles.venue_run import VenueRun, until, venue

MARKET = ("binance", "usdm")
PARTITIONS = 2
SYMBOLS = tuple(f"SYM{number:04d}USDT" for number in range(1, 13))


class Producing:
    """Hold a producer that runs in this loop and what it last said."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.stop = asyncio.Event()
        self.ready = False
        self.status: Callable[[], dict[str, Any]] = lambda: {"streams": []}

    def tell(self, *, ready: bool, status: Callable[[], dict[str, Any]], **_: Any) -> None:
        """Take facts."""
        self.ready, self.status = ready, status

    def symbols(self, state: str = "ok") -> set[str]:
        """Return the symbols of which a stream is in a state."""
        return {row["symbol"] for row in self.status()["streams"] if row["state"] == state}

    def owners(self) -> set[str]:
        """Return what the streams say of their owner."""
        return {row["owner"] for row in self.status()["streams"]}


def deployment(run: VenueRun, path: Path) -> Settings:
    """Make topics on a mock broker and point producers at them and at the venue."""
    kafka = Kafka(prefix=f"i{uuid.uuid4().hex[:6]}.", partitions=PARTITIONS)
    topics = {kafka.raw_topic("binance"): PARTITIONS}
    topics |= {kafka.control_topic(name): 1 for name in ("reseed", "symbols", "replicas")}
    own = Producer(endpoints=run.endpoints, spool_dir=str(path / "spool"), alive_interval_s=0.3, handover_limit_s=5.0)
    return Settings(
        environment="test", kafka=kafka.model_copy(update={"bootstrap_servers": serve(topics)}), producer=own
    )


@asynccontextmanager
async def producing(settings: Settings, expression: str, index: int = 0, count: int = 1) -> AsyncIterator[Producing]:
    """Run one replica in this loop and end it."""
    own = settings.producer.model_copy(update={"replica_index": index, "replica_count": count})
    one = Producing()
    body = produce(
        settings.model_copy(update={"producer": own}),
        [Recorded(EXCHANGE, ("usdm",))],
        selections([expression]),
        "test",
        one.stop,
        one.tell,
    )
    task = asyncio.create_task(body)
    try:
        yield one
        assert not task.done() or task.result() is None
    finally:
        one.stop.set()
        await asyncio.wait_for(task, 30)


def frames(settings: Settings) -> dict[str, list[RawFrame]]:
    """Return the frames of every symbol in log order."""
    consumer = confluent_kafka.Consumer({**settings.kafka.client(), "group.id": "test", "enable.auto.commit": False})
    topic = settings.kafka.raw_topic("binance")
    found: dict[str, list[RawFrame]] = {}
    try:
        for partition in range(PARTITIONS):
            place = confluent_kafka.TopicPartition(topic, partition, 0)
            left = consumer.get_watermark_offsets(place, timeout=10)[1]
            consumer.assign([place])
            while left:
                for message in consumer.consume(min(left, 500), 5):
                    left -= 1
                    record = decode_raw(message.value() or b"")
                    found.setdefault(record.symbol, []).extend(record.frames)
    finally:
        consumer.close()
    return found


def causes(found: list[RawFrame]) -> list[str]:
    """Return the causes of gap frames."""
    return [msgspec.json.decode(one.payload(), type=GapEvidence).cause for one in found if one.k == "gap"]


async def test_symbols_come_and_go_without_a_restart(tmp_path: Path) -> None:
    """What is added is recorded from its definition on; what is removed ends with a gap; the others go on."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=400, start_wait_s=0.5) as run:
        settings = deployment(run, tmp_path)
        async with producing(settings, "SYM0001USDT,SYM0002USDT") as one:
            await until(lambda: one.symbols() == {*SYMBOLS[:2]}, 20, "recording")
            await asyncio.to_thread(order_symbols, settings, [MARKET], ["SYM0003USDT"], "added")
            await until(lambda: one.symbols() == {*SYMBOLS[:3]}, 20, "adding")
            await asyncio.to_thread(order_symbols, settings, [MARKET], ["SYM0001USDT"], "removed")
            await until(lambda: one.symbols() == {*SYMBOLS[1:3]}, 20, "removing")
            await until(lambda: one.ready, 20, "being ready")
        async with producing(settings, "SYM0001USDT,SYM0002USDT") as again:
            await until(lambda: again.symbols() == {*SYMBOLS[1:3]}, 20, "remembering the orders")
    found = frames(settings)
    assert found["SYM0003USDT"][0].k == "instrument"
    assert causes(found["SYM0001USDT"]) == ["removed"]
    assert causes(found["SYM0002USDT"])[:1] != ["removed"]
    conns = {one.c for one in found["SYM0002USDT"] if one.k == "trades"}
    assert len(conns) <= 2


async def test_replicas_share_the_symbols_from_an_order_on(tmp_path: Path) -> None:
    """Both record what changes hands until the log proves it; then each holds its own, and no gap was declared."""
    async with venue(tmp_path / "venue", symbols=len(SYMBOLS), rate_fps=600, start_wait_s=0.5) as run:
        settings = deployment(run, tmp_path)
        own = [{name for name in SYMBOLS if owner_of(*MARKET, name, 2) == index} for index in range(2)]
        assert all(own)
        async with producing(settings, "all") as old:
            await until(lambda: old.symbols() == {*SYMBOLS}, 20, "recording")
            # The order first: a replica that starts without one knows of no owner before it.
            await asyncio.to_thread(order_count, settings, [MARKET], 2, 1)
            async with producing(settings, "all", 1, 2) as fresh:
                await until(lambda: old.symbols() == own[0], 40, "giving up")
                await until(lambda: fresh.symbols() == own[1], 20, "taking up")
                assert (old.owners(), fresh.owners()) == ({"0/2"}, {"1/2"})

                def settled() -> bool:
                    return counts(settings)[0].unsettled == ()

                async def told() -> bool:
                    return await asyncio.to_thread(settled)

                await until(told, 20, "settling")
    found = frames(settings)
    for symbol in SYMBOLS:
        assert not causes(found[symbol]), symbol
