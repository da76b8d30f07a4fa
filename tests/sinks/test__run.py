"""The loop of a sink process, with its broker and store replaced by notes."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from md_log import MdLog
from typing_extensions import override

from cryptoflow.config import Settings
from cryptoflow.errors import HoleError, RetryError
from sinks import _run
from sinks._sink import MdRecord, Patience, Sink, SinkFacts, Starts, TopicIdentity

TOPIC = "md.trades"


class NoteSink(Sink):
    """Note what the loop does; `script` answers commits."""

    def __init__(self) -> None:
        """Start without notes."""
        self.notes: list[str] = []
        self.script: list[Starts | Exception] = []
        self.broken: Exception | None = None

    @override
    def topics(self) -> tuple[str, ...]:
        return (TOPIC,)

    @override
    def open(self, log: Mapping[str, TopicIdentity], patience: Patience) -> Starts:
        self.notes.append("open")
        return {(TOPIC, 0): 4}

    @override
    def write(self, record: MdRecord) -> None:
        if self.broken:
            raise self.broken
        self.notes.append(f"write {record.offset}")

    @override
    def commit(self, patience: Patience, *, final: bool = False) -> Starts:
        self.notes.append("final" if final else "commit")
        answer = self.script.pop(0) if self.script else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    @override
    def close(self) -> None:
        self.notes.append("close")

    @override
    def detail(self) -> dict[str, object]:
        return {"notes": len(self.notes)}

    @override
    def committed(self) -> Starts:
        return {(TOPIC, 0): 4}


class NoteReader:
    """Serve one record a read and stop the loop after some reads."""

    def __init__(self, sink: NoteSink, stop: threading.Event, reads: int, *, known: bool = True) -> None:
        """Serve `reads` records."""
        self.sink, self.stop, self.reads, self.known = sink, stop, reads, known
        self.log = MdLog(TOPIC)

    def identify(self, patience: Patience) -> dict[str, TopicIdentity]:
        """Say what was found."""
        del patience
        return {TOPIC: TopicIdentity("c", "t", (0,))} if self.known else {}

    def start(self, starts: Starts) -> None:
        """Note the start."""
        self.sink.notes.append(f"start {starts[TOPIC, 0]}")

    def read(self, limit: int, timeout_s: float) -> list[MdRecord]:
        """Return one record; the last read sets the stop."""
        del limit, timeout_s
        self.reads -= 1
        if self.reads <= 0:
            self.stop.set()
        return [self.log.append(0, [len(self.log.records.get(0, []))])]

    def rewind(self, positions: Starts) -> None:
        """Note a rewind."""
        if positions:
            self.sink.notes.append(f"rewind {positions[TOPIC, 0]}")

    def lag(self, committed: Starts) -> dict[tuple[str, int], int]:
        """Say a number."""
        del committed
        return {(TOPIC, 0): 3}

    def close(self) -> None:
        """Note the end."""
        self.sink.notes.append("reader closed")


def looped(
    monkeypatch: pytest.MonkeyPatch, sink: NoteSink, reads: int = 1, *, known: bool = True
) -> tuple[list[str], list[SinkFacts]]:
    """Run the loop over notes."""
    stop = threading.Event()
    monkeypatch.setattr(_run, "Reader", lambda *_: NoteReader(sink, stop, reads, known=known))
    told: list[SinkFacts] = []
    _run.run(sink, Settings(), stop, told.append)
    return sink.notes, told


def test_the_loop_reads_where_the_store_says_and_commits_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """open, start, write and commit in turn, one final commit, then everything is closed."""
    notes, told = looped(monkeypatch, NoteSink(), 2)
    assert notes == ["open", "start 4", "write 0", "commit", "write 1", "commit", "final", "close", "reader closed"]
    assert not told[0].ready
    assert told[-1].ready
    assert told[-1].detail["lag"] == {"md.trades[0]": 3}


def test_a_refused_batch_sends_the_reader_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positions a commit returns are where reading continues."""
    sink = NoteSink()
    sink.script = [{(TOPIC, 0): 9}]
    notes, _ = looped(monkeypatch, sink)
    assert "rewind 9" in notes


def test_nothing_is_committed_after_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that stops leaves the loop at once, without a final commit, and closes."""
    sink = NoteSink()
    sink.broken = HoleError("rows are missing")
    with pytest.raises(HoleError):
        looped(monkeypatch, sink)
    assert sink.notes == ["open", "start 4", "close", "reader closed"]


def test_a_commit_unresolved_at_a_stop_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience ends first the process ends in order; the next start asks the table."""
    sink = NoteSink()
    sink.script = [{}, RetryError("not finished in time")]
    notes, _ = looped(monkeypatch, sink)
    assert notes[-2:] == ["close", "reader closed"]


def test_a_stop_while_waiting_for_topics_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened when the wait was ended by a stop."""
    notes, _ = looped(monkeypatch, NoteSink(), known=False)
    assert notes == ["close", "reader closed"]
