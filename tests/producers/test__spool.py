"""The spool is a queue that outlives the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptoflow.errors import ConfigError
from producers._spool import Spool


def spool(path: Path, max_bytes: int = 1 << 20, segment_bytes: int = 200) -> Spool:
    """Open a small spool."""
    return Spool(path, max_bytes=max_bytes, segment_bytes=segment_bytes)


def drain(queue: Spool) -> list[bytes]:
    """Read and release everything."""
    found = []
    while (one := queue.read()) is not None:
        found.append(one[1])
        queue.release(one[0])
    return found


def kill(queue: Spool) -> None:
    """Let go of the files as SIGKILL does: nothing more is written."""
    queue._close_source()
    if queue._tail is not None:
        queue._tail.close()
    queue._lock.close()


def test_records_come_back_in_order_over_segments(tmp_path: Path) -> None:
    """What is appended is read in order; released segments are deleted."""
    queue = spool(tmp_path)
    records = [b"%d" % number * 20 for number in range(50)]
    for record in records:
        assert queue.append(record) is not None
    assert len(list(tmp_path.glob("*.spool"))) > 5
    assert drain(queue) == records
    assert list(tmp_path.glob("*.spool")) == []
    assert queue.size_bytes == 0
    queue.close()


def test_an_unreleased_record_is_read_again_by_the_next_run(tmp_path: Path) -> None:
    """Read but not released is not done: a run that dies there repeats it, and repeats nothing before it."""
    queue = spool(tmp_path, segment_bytes=1000)
    for number in range(4):
        queue.append(b"%d" % number)
    first = queue.read()
    assert first is not None
    queue.release(first[0])
    queue.read()
    queue.sync()
    kill(queue)
    again = spool(tmp_path, segment_bytes=1000)
    assert again.has_unread()
    assert drain(again) == [b"1", b"2", b"3"]
    again.close()


def test_a_torn_tail_ends_the_queue_and_later_records_follow(tmp_path: Path) -> None:
    """Half a record at the end of an earlier run is told and skipped; the next run's records are read."""
    queue = spool(tmp_path, segment_bytes=1000)
    queue.append(b"whole")
    queue.append(b"torn")
    queue.close()
    path = next(iter(tmp_path.glob("*.spool")))
    path.write_bytes(path.read_bytes()[:-2])
    again = spool(tmp_path)
    again.append(b"newer")
    assert drain(again) == [b"whole", b"newer"]
    assert again.damages == 1
    again.close()


def test_a_flipped_bit_is_never_delivered(tmp_path: Path) -> None:
    """A record whose checksum is wrong is not read; the rest of its segment goes with it, told."""
    queue = spool(tmp_path, segment_bytes=30)
    for name in (b"first-record-here", b"second-record-here"):
        queue.append(name)
    path = min(tmp_path.glob("*.spool"))
    path.write_bytes(path.read_bytes().replace(b"first", b"fIrst"))
    assert drain(queue) == [b"second-record-here"]
    assert queue.damages == 1
    queue.close()


def test_the_limit_refuses_and_room_comes_back(tmp_path: Path) -> None:
    """At the limit append says None; after a release it takes records again."""
    queue = spool(tmp_path, max_bytes=100, segment_bytes=40)
    while queue.append(b"x" * 20) is not None:
        pass
    assert queue.size_bytes <= 100
    assert queue.occupancy > 0.5
    one = queue.read()
    assert one is not None
    queue.release(one[0])
    assert queue.append(b"x" * 20) is not None
    queue.close()


def test_a_disk_that_refuses_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is taken back: append says None and the queue stays readable."""
    queue = spool(tmp_path, segment_bytes=1000)
    queue.append(b"one")

    class Short:
        """Write half of what it is given."""

        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, data: bytes) -> int:
            return self.file.write(data[: len(data) // 2])  # type: ignore[attr-defined] # any file

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    good = queue._tail
    monkeypatch.setattr(queue, "_tail", Short(good))
    assert queue.append(b"two") is None
    monkeypatch.setattr(queue, "_tail", good)
    queue.append(b"three")
    assert drain(queue) == [b"one", b"three"]
    queue.close()


def test_two_processes_cannot_share_a_spool(tmp_path: Path) -> None:
    """The second one ends in one line that names the remedy."""
    queue = spool(tmp_path)
    with pytest.raises(ConfigError, match="another producer uses it"):
        spool(tmp_path)
    queue.close()
    spool(tmp_path).close()


def test_thinning_keeps_order_and_makes_room(tmp_path: Path) -> None:
    """Only whole unread segments between the cursor and the tail are thinned, oldest first, once."""
    queue = spool(tmp_path, segment_bytes=50)
    for number in range(9):
        queue.append(b"%02d" % number + b"x" * 10)
    queue.read()  # two records a segment: 0 and 1 are being read, 8 is being written
    size = queue.size_bytes
    won = [queue.rewrite_oldest(lambda record: None if int(record[:2]) % 2 else record) for _ in range(5)]
    assert [bool(one) for one in won] == [True, True, True, False, False]
    assert queue.size_bytes == size - sum(won)
    assert [int(record[:2]) for record in drain(queue)] == [1, 2, 4, 6, 8]
    queue.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["append", "read", "release", "reopen", "kill"]), max_size=40))
def test_nothing_is_skipped_and_nothing_released_comes_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Over any order of appends, reads, releases, clean ends and kills: order holds and nothing is lost."""
    directory = tmp_path_factory.mktemp("spool")
    queue = spool(directory, segment_bytes=50)
    appended = 0
    released = -1
    expected = 0
    unreleased = []
    for step in steps:
        if step == "append":
            queue.append(b"%06d" % appended)
            appended += 1
        elif step == "read" and (one := queue.read()) is not None:
            assert int(one[1]) == expected
            expected += 1
            unreleased.append(one)
        elif step == "release" and unreleased:
            position, record = unreleased.pop(0)
            queue.release(position)
            released = int(record)
        elif step in {"reopen", "kill"}:
            if step == "reopen":
                queue.close()
            else:
                queue.sync()  # as once a second; what was released since would be read again
                kill(queue)
            queue = spool(directory, segment_bytes=50)
            unreleased = []
            expected = released + 1
    assert [int(record) for record in drain(queue)] == list(range(expected, appended))
    queue.close()
