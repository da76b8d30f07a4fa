"""Every sink keeps the promises of the contract; sinks are found, not listed.

A sink needs a harness: how to open it on an empty store in a folder, and how to list the identity of
every row its store holds. A promise a sink cannot keep is waived in WAIVERS with the reason.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from md_log import MdLog
from sink_campaign import settings_for

from cryptoflow.config import Settings
from cryptoflow.errors import HoleError, IdentityError
from cryptoflow.registry import load
from sinks._sink import Patience, Sink, SinkComponent, Starts, TopicIdentity
from sinks.iceberg import catalog as ice

TOPIC = "md.trades"
PARTITIONS = (0, 1)
Key = tuple[int, int, int]


@dataclass(frozen=True)
class Harness:
    """Say how a sink is tried without its production store."""

    settings: Callable[[Path], Settings]
    rows: Callable[[Settings], list[Key]]


def iceberg_rows(settings: Settings) -> list[Key]:
    """List the rows of the trades table."""
    table = ice.connect(settings).load_table((settings.catalog.namespace, "trades"))
    rows = table.scan().to_arrow().select(["raw_partition", "raw_offset", "row_index"]).to_pylist()
    return [(row["raw_partition"], row["raw_offset"], row["row_index"]) for row in rows]


HARNESSES: dict[str, Harness] = {"iceberg": Harness(settings_for, iceberg_rows)}
WAIVERS: dict[tuple[str, str], str] = {}
SINKS: dict[str, SinkComponent] = load("sinks", "SINK")


@dataclass
class Case:
    """Hold one sink under test, its log and its store."""

    component: SinkComponent
    harness: Harness
    settings: Settings
    log: MdLog

    def opened(self, *, topic_id: str = "id", cluster: str = "cluster") -> tuple[Sink, Starts]:
        """Build and open the sink, as a starting process does."""
        sink = self.component.build(self.settings)
        identity = TopicIdentity(cluster, topic_id, PARTITIONS)
        return sink, sink.open(dict.fromkeys(sink.topics(), identity), patience())

    def written(self) -> Sink:
        """Open, write all that is new, commit and close."""
        sink, starts = self.opened()
        for record in self.log.read(starts):
            sink.write(record)
        assert sink.commit(patience(), final=True) == {}
        sink.close()
        return sink

    def rows(self) -> Counter[Key]:
        """Count the rows of the store by identity."""
        return Counter(self.harness.rows(self.settings))


def patience() -> Patience:
    """Be patient for as long as the test runs."""
    return Patience(threading.Event(), 5.0)


@pytest.fixture(params=sorted(SINKS))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Give each sink an empty store and a log with rows in two partitions."""
    name = request.param
    promise = request.node.originalname
    if (name, promise) in WAIVERS:
        pytest.skip(WAIVERS[name, promise])
    harness = HARNESSES[name]
    log = MdLog(TOPIC)
    for partition in PARTITIONS:
        log.append(partition, [3, 4], rows_each=3)
        log.append(partition, [7], rows_each=1)
    return Case(SINKS[name], harness, harness.settings(tmp_path), log)


def once(log: MdLog) -> Counter[Key]:
    """Count every row of the log once."""
    return Counter(log.identities())


def test_every_sink_has_a_harness() -> None:
    """A sink that nothing tries is an error, and so is a harness without a sink."""
    assert set(SINKS) == set(HARNESSES)


def test_a_name_switches_a_sink_on_and_off(case: Case) -> None:
    """`sinks.enabled` decides, for every sink alike."""
    off = case.settings.model_copy(update={"sinks": case.settings.sinks.model_copy(update={"enabled": ()})})
    on = off.model_copy(update={"sinks": off.sinks.model_copy(update={"enabled": (case.component.name,)})})
    assert not case.component.enabled(off)
    assert case.component.enabled(on)


def test_an_empty_store_starts_at_the_beginning(case: Case) -> None:
    """A store that knows nothing says None for every partition."""
    _, starts = case.opened()
    assert starts == {(TOPIC, partition): None for partition in PARTITIONS}


def test_a_commit_makes_rows_and_positions_durable(case: Case) -> None:
    """After a commit every row is there once, and the next start continues behind it."""
    case.written()
    assert case.rows() == once(case.log)
    _, starts = case.opened()
    assert starts == {(TOPIC, partition): 2 for partition in PARTITIONS}


def test_what_was_not_committed_does_not_count(case: Case) -> None:
    """Closing without a commit leaves positions where they were, so the rows are read again."""
    sink, starts = case.opened()
    for record in case.log.read(starts):
        sink.write(record)
    sink.close()
    _, again = case.opened()
    assert again == starts
    case.written()
    assert case.rows() == once(case.log)


def test_records_that_come_again_add_nothing(case: Case) -> None:
    """A record below the position is dropped, in one run and in the next."""
    sink, starts = case.opened()
    for record in 2 * case.log.read(starts):
        sink.write(record)
    sink.commit(patience(), final=True)
    for record in case.log.read(starts):
        sink.write(record)
    sink.commit(patience(), final=True)
    assert case.rows() == once(case.log)


def test_rows_that_come_again_cut_differently_are_trimmed(case: Case) -> None:
    """After a worker's crash the same rows come in other records; only the new ones are written."""
    case.written()
    case.log.append(0, [4, 7, 8], rows_each=1, prev=3)
    case.log.append(0, [7, 8], rows_each=1, prev=4)
    case.written()
    assert case.rows() == once(case.log)


def test_a_hole_stops_the_sink(case: Case) -> None:
    """A record whose `prev` is above the mark means missing rows: HoleError, nothing is written."""
    case.written()
    record = case.log.append(0, [20], prev=15)
    sink, _ = case.opened()
    with pytest.raises(HoleError, match="missing"):
        sink.write(record)


@pytest.mark.parametrize("changed", [{"topic_id": "other"}, {"cluster": "other"}])
def test_positions_of_another_log_stop_the_sink(case: Case, changed: dict[str, str]) -> None:
    """A recreated topic or another cluster is IdentityError, never a silent reset."""
    case.written()
    with pytest.raises(IdentityError):
        case.opened(**changed)


def test_a_second_writer_of_the_same_rows_adds_nothing(case: Case) -> None:
    """Of two writers with the same records one is sent back to where the store is."""
    first, starts = case.opened()
    second, _ = case.opened()
    for record in case.log.read(starts):
        first.write(record)
        second.write(record)
    assert first.commit(patience(), final=True) == {}
    assert second.commit(patience(), final=True) == {(TOPIC, partition): 2 for partition in PARTITIONS}
    case.log.append(0, [9])
    for record in case.log.read({(TOPIC, partition): 2 for partition in PARTITIONS}):
        second.write(record)
    assert second.commit(patience(), final=True) == {}
    assert case.rows() == once(case.log)


def test_a_commit_without_new_records_changes_nothing(case: Case) -> None:
    """A final commit with nothing taken leaves the store as it is."""
    sink = case.written()
    before = case.opened()[1]
    sink, _ = case.opened()
    assert sink.commit(patience(), final=True) == {}
    assert case.opened()[1] == before


def test_progress_is_reported(case: Case) -> None:
    """`committed` names the durable offset of every partition; `detail` is for health."""
    sink, starts = case.opened()
    for record in case.log.read(starts):
        sink.write(record)
    assert sink.committed() == starts
    sink.commit(patience(), final=True)
    assert sink.committed() == {(TOPIC, partition): 2 for partition in PARTITIONS}
    assert sink.detail()
