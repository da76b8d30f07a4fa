"""The shell between Faust and the protocol: nothing leaves the body, facts tell the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP
from hash_core import HashCore
from memory_cluster import PARTITIONS, Broker, Process

from agents._backlog import Arrived
from agents._owner import Limits
from agents._shell import Shell
from cryptoflow.config import Kafka, Settings
from exchanges import drain, saw


class Ended(BaseException):
    """Stand for the end of the process."""


def ended(_role: str, error: BaseException) -> NoReturn:
    """End the process in a way a test survives."""
    raise Ended(repr(error))


def shell(*, should_stop: bool = False) -> Shell:
    """Make a shell with a scripted app."""
    made = Shell(
        Settings(environment="test", kafka=Kafka(bootstrap_servers="127.0.0.1:1")),
        {"raw.binance": "binance"},
        lambda _topic, _partition: HashCore(),
        ended,
    )
    consumer = SimpleNamespace(readings=Counter())
    app: Any = SimpleNamespace(
        should_stop=should_stop, rebalancing=False, consumer_generation_id=1, barrier_consumer=consumer
    )
    made._app = app
    return made


async def raising(error: BaseException) -> None:
    """Raise."""
    raise error


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), MemoryError(), SystemExit(1)])
async def test_any_error_in_the_body_ends_the_process(error: BaseException) -> None:
    """Faust would acknowledge the batch: it never sees the error."""
    with pytest.raises(Ended):
        await shell()._guard(raising(error))


async def test_cancellation_passes_while_stopping_only() -> None:
    """A cancelled body has a core ahead of its outputs: going on would lie."""
    with pytest.raises(asyncio.CancelledError):
        await shell(should_stop=True)._guard(raising(asyncio.CancelledError()))
    with pytest.raises(Ended, match="cancelled while running"):
        await shell()._guard(raising(asyncio.CancelledError()))


async def test_facts_say_ready_once_restored() -> None:
    """Ready means assigned and restored; a stall takes liveness away before the end."""
    made = shell()
    assert made.facts()[:2] == (True, False)
    process = Process(Broker(), Limits())
    made._roster = process.roster
    made._started = True
    assert made.facts()[:2] == (True, False)
    process.roster.restored = True
    assert made.facts()[:2] == (True, True)
    made._progress.stalled_s = 61
    assert made.facts()[0] is False


async def test_positions_are_the_owners_and_only_theirs() -> None:
    """Partitions without an owner are about to be restored; nobody seeks there."""
    made = shell()
    process = Process(Broker(), Limits())
    made._roster = process.roster
    owner = process.roster._new_owner(PARTITIONS[0], 1)
    owner.next = 17
    process.roster.owners[PARTITIONS[0]] = owner
    assert made._positions({TP(*PARTITIONS[0]), TP(*PARTITIONS[1])}) == {TP(*PARTITIONS[0]): 17}


async def test_leaving_does_not_wait_for_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Last checkpoints are tried for some seconds only; then everything is dropped."""
    from agents import _shell

    monkeypatch.setattr(_shell, "_RELEASE_S", 0.05)
    made = shell()
    made._roster = Process(Broker(), Limits()).roster
    monkeypatch.setattr(made._roster, "release", asyncio.Event().wait)
    made._roster.restored = True
    await asyncio.wait_for(made._guard(made._leave()), 5)
    assert not made._roster.restored


async def test_a_take_is_counted_once() -> None:
    """Its records belong to their exchange and partition."""
    made = shell()
    told: list[tuple[object, ...]] = []
    made._counts = SimpleNamespace(take=lambda *what: told.append(what))  # type: ignore[assignment]
    outputs = HashCore().process([])

    async def deliver(*_: object) -> object:
        return outputs

    made._roster = SimpleNamespace(deliver=deliver)  # type: ignore[assignment]
    await made._backlog.put(Arrived(1, ("raw.binance", 3), [(1, b"k", b"v"), (2, b"k", b"v")], 2))
    await made._take()
    assert [what[:5] for what in told] == [("binance", 3, "raw.binance", 2, outputs)]


async def test_what_was_fetched_before_the_consumer_went_back_is_not_delivered() -> None:
    """It lies beyond what is read again."""
    made = shell()
    delivered: list[Any] = []

    async def deliver(_generation: int, _where: object, records: object) -> None:
        delivered.append(records)

    made._roster = SimpleNamespace(deliver=deliver)  # type: ignore[assignment]
    made._app.barrier_consumer.readings[TP("raw.binance", 0)] = 1
    for reading in (0, 1):
        await made._backlog.put(Arrived(1, ("raw.binance", 0), [(reading, b"k", b"v")], 1, reading))
    for _ in range(2):
        await made._take()
    assert delivered == [[(1, b"k", b"v")]]


@pytest.mark.parametrize(("rebalancing", "generation", "ends"), [(False, 1, True), (True, 1, False), (False, 2, False)])
async def test_going_back_fails_only_where_the_partition_is_still_ours(
    rebalancing: bool, generation: int, ends: bool
) -> None:
    """A rebalance that takes it meanwhile begins from our positions anyway."""
    made = shell()

    async def go_back(tp: TP, offset: int) -> None:
        assert (tp, offset) == (TP("raw.binance", 2), 9)
        made._app.rebalancing, made._app.consumer_generation_id = rebalancing, generation
        raise RuntimeError("not assigned")

    made._app.barrier_consumer.go_back = go_back
    if ends:
        with pytest.raises(RuntimeError, match="not assigned"):
            await made.go_back("raw.binance", 2, 9)
    else:
        await made.go_back("raw.binance", 2, 9)


async def test_every_beat_tells_the_open_gaps() -> None:
    """Once there is something to ask; before the broker answers there is not."""
    made = shell()
    told: list[object] = []
    made._counts = SimpleNamespace(gaps=told.append)  # type: ignore[assignment]
    await made._tick()
    made._roster, made._started = SimpleNamespace(gaps_open=lambda: {("okx", "swap"): 2}), True  # type: ignore[assignment]
    await made._tick()
    assert told == [{("okx", "swap"): 2}]


async def test_a_sighting_of_an_unverified_rule_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever saw it while frames were read: the next beat logs it, and no later one does."""
    rule = f"PROTOCOLS 0.0.{id(caplog)}"
    made = shell()
    drain()
    saw(rule, "an invented rule")
    saw(rule, "an invented rule")
    with caplog.at_level("INFO", "cryptoflow"):
        for _ in range(2):
            await made._tick()
    assert [vars(record)["event_fields"] for record in caplog.records] == [{"rule": rule, "what": "an invented rule"}]
