"""Records that wait: merged, in order, bounded, in turn."""

from __future__ import annotations

import asyncio

from agents._backlog import Arrived, Backlog

A, B = ("raw.x", 0), ("raw.x", 1)


def arrived(first: int, last: int, where: tuple[str, int] = A, generation: int = 1, reading: int = 0) -> Arrived:
    """Make an arrival of one byte per record."""
    return Arrived(generation, where, [(n, None, b"") for n in range(first, last + 1)], last - first + 1, reading)


def offsets(found: Arrived) -> list[int]:
    """List the offsets of an arrival."""
    return [offset for offset, _, _ in found.records]


async def filled(*arrivals: Arrived, take_max_records: int = 100) -> Backlog:
    """Make a backlog in which these wait."""
    backlog = Backlog(1_000, take_max_records)
    for one in arrivals:
        await backlog.put(one)
    return backlog


async def test_what_waits_of_a_partition_is_taken_at_once_in_order() -> None:
    """Small fetches become one take; the bytes are given back."""
    backlog = await filled(arrived(0, 1), arrived(2, 2), arrived(3, 5))
    assert offsets(await backlog.take()) == [0, 1, 2, 3, 4, 5]
    assert backlog.size_bytes == 0


async def test_a_take_has_a_limit_and_partitions_take_turns() -> None:
    """What does not fit waits for the partition's next turn."""
    backlog = await filled(arrived(0, 3), arrived(4, 7), arrived(9, 9, B), take_max_records=5)
    taken = [await backlog.take() for _ in range(3)]
    assert [(one.partition, offsets(one)) for one in taken] == [(A, [0, 1, 2, 3]), (B, [9]), (A, [4, 5, 6, 7])]


async def test_generations_and_readings_are_never_merged() -> None:
    """Records of a later assignment or reading must not be dropped with those of an earlier one."""
    backlog = await filled(arrived(0, 1), arrived(2, 3, generation=2), arrived(4, 5, generation=2, reading=1))
    found = [await backlog.take() for _ in range(3)]
    assert [(one.generation, one.reading) for one in found] == [(1, 0), (2, 0), (2, 1)]


async def test_records_that_come_twice_are_not_merged() -> None:
    """A take is always in offset order."""
    backlog = await filled(arrived(0, 3), arrived(2, 5))
    assert [offsets(await backlog.take()) for _ in range(2)] == [[0, 1, 2, 3], [2, 3, 4, 5]]


async def test_a_full_backlog_makes_the_giver_wait() -> None:
    """Bytes are bounded; taking makes room."""
    backlog = Backlog(4, 100)
    await backlog.put(arrived(0, 9))
    waiting = asyncio.create_task(backlog.put(arrived(10, 11)))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert offsets(await backlog.take()) == [*range(10)]
    await asyncio.wait_for(waiting, 5)
    assert offsets(await backlog.take()) == [10, 11]


async def test_a_taker_waits_for_something_to_come() -> None:
    """An empty backlog is waited for."""
    backlog = await filled()
    waiting = asyncio.create_task(backlog.take())
    await asyncio.sleep(0)
    await backlog.put(arrived(5, 5))
    assert offsets(await asyncio.wait_for(waiting, 5)) == [5]


async def test_clearing_drops_all_and_frees_the_giver() -> None:
    """After a revocation nothing of the old assignment is left."""
    backlog = Backlog(1, 100)
    await backlog.put(arrived(0, 0))
    waiting = asyncio.create_task(backlog.put(arrived(1, 1)))
    await asyncio.sleep(0)
    await backlog.clear()
    await asyncio.wait_for(waiting, 5)
    assert offsets(await backlog.take()) == [1]
    assert backlog.size_bytes == 0
