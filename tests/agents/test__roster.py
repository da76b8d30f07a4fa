"""Who owns what: generations, overtaken restores, releases."""

from __future__ import annotations

import functools

from memory_cluster import PARTITIONS, TOPIC, Broker, Cluster, Process, Reader

from agents._owner import Limits


def process_with(records: int = 10) -> Process:
    """Make a process in generation 1 over a log with records on both partitions."""
    process = Process(Broker(), Limits())
    for number in (0, 1):
        process.broker.raw[number] = [(n, b"binance.usdm.A", b"%d" % n) for n in range(records)]
    process.generation = 1
    return process


def finish(process: Process, work: functools.partial[object]) -> object:
    """Run work to its end and return what it answers."""
    answers: list[object] = []

    async def asked() -> None:
        answers.append(await work())  # type: ignore[misc]

    process.begin(asked)
    while process.work is not None:
        for flight in process.flights:
            while flight.left:
                flight.land()
        process.advance()
    return answers[0]


def test_records_of_an_earlier_generation_are_dropped_whole() -> None:
    """Somebody else may have had the partition since they were fetched."""
    process = process_with()
    roster = process.roster
    assert finish(process, functools.partial(roster.restore, 1, PARTITIONS))
    records = process.broker.raw[0][:3]
    assert finish(process, functools.partial(roster.deliver, 0, (TOPIC, 0), records)) is None
    assert finish(process, functools.partial(roster.deliver, 1, (TOPIC, 0), records)) is not None
    assert roster.owners[TOPIC, 0].next == 3


def test_records_already_processed_are_not_processed_again() -> None:
    """A batch delivered twice, or overlapping, gives each row once."""
    process = process_with()
    roster = process.roster
    finish(process, functools.partial(roster.restore, 1, PARTITIONS))
    for begin, end in ((0, 4), (0, 4), (2, 6)):
        finish(process, functools.partial(roster.deliver, 1, (TOPIC, 0), process.broker.raw[0][begin:end]))
    finish(process, functools.partial(roster.checkpoint))
    assert roster.owners[TOPIC, 0].next == 6
    rows, _ = Reader().read(process.broker.md["md.trades", 0])
    assert len(rows) == len({offset for offset, *_ in rows})


def test_a_restore_overtaken_by_a_rebalance_owns_nothing() -> None:
    """Partitions revoked while their states were read are not taken up."""
    process = process_with()

    async def overtaken() -> None:
        assert not await process.roster.restore(1, PARTITIONS)

    process.begin(overtaken)
    process.advance()
    process.roster.drop()
    while process.work is not None:
        process.advance()
    assert process.roster.owners == {}
    assert not process.roster.restored


def test_a_generation_that_moves_on_kills_all_epochs_at_once() -> None:
    """The owners of a generation are dead the moment the consumer knows a later one."""
    process = process_with()
    finish(process, functools.partial(process.roster.restore, 1, PARTITIONS))
    assert process.roster.owners[TOPIC, 0]._live()
    process.generation = 2
    assert not process.roster.owners[TOPIC, 0]._live()


def test_release_leaves_a_barrier_at_the_last_record() -> None:
    """After a clean release the next owner has nothing to redo."""
    process = process_with()
    finish(process, functools.partial(process.roster.restore, 1, PARTITIONS))
    finish(process, functools.partial(process.roster.deliver, 1, (TOPIC, 0), process.broker.raw[0]))
    finish(process, functools.partial(process.roster.release))
    successor = Process(process.broker, Limits())
    successor.generation = 2
    finish(successor, functools.partial(successor.roster.restore, 2, PARTITIONS))
    assert successor.roster.owners[TOPIC, 0].next == 10


def test_open_gaps_are_those_of_the_partitions_owned() -> None:
    """Of all of them together, and of none once they are given up."""
    process = process_with()
    roster = process.roster
    finish(process, functools.partial(roster.restore, 1, PARTITIONS))
    for where in PARTITIONS:
        finish(process, functools.partial(roster.deliver, 1, where, process.broker.raw[where[1]]))
    assert roster.gaps_open() == {("binance", "usdm"): len(PARTITIONS)}
    roster.drop()
    assert not roster.gaps_open()


def test_an_assignment_of_nothing_is_restored() -> None:
    """A worker without partitions is ready: it stands by."""
    cluster = Cluster(1)
    member = cluster.new_process()
    assert finish(member, functools.partial(member.roster.restore, 0, ()))
    assert member.roster.restored
