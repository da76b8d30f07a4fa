"""Several tables in one sink: shared topics, the byte budget, a catalog that is away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from md_log import MdLog
from sink_campaign import scripted, settings_for

from cryptoflow.config import Settings
from cryptoflow.errors import IdentityError, RetryError
from sinks._sink import Patience, TopicIdentity
from sinks.iceberg import IcebergSink

BOOK = "md.book"
KINDS = ("book_deltas", "book_snapshots", "gap")


def opened(
    settings: Settings, stop: threading.Event | None = None
) -> tuple[IcebergSink, dict[tuple[str, int], int | None]]:
    """Open a sink over a scripted catalog."""
    sink = IcebergSink(settings, scripted)
    log = {topic: TopicIdentity("c", "t", (0,)) for topic in sink.topics()}
    return sink, sink.open(log, Patience(stop or threading.Event(), 5))


def rows_of(settings: Settings, kind: str) -> int:
    """Count the rows of a table."""
    return int(scripted(settings).load_table(("market_data", kind)).scan().to_arrow().num_rows)


def test_tables_of_one_topic_have_positions_of_their_own(tmp_path: Path) -> None:
    """Reading begins at the lower one; the table that is ahead ignores what it has."""
    only_deltas = settings_for(tmp_path, tables=["book_deltas"])
    both = settings_for(tmp_path, tables=["book_deltas", "book_snapshots"])
    log = MdLog(BOOK, kinds=KINDS)
    for offset in range(3):
        log.append(0, [offset], rows_each=6)
    sink, starts = opened(only_deltas)
    for record in log.read(starts):
        sink.write(record)
    sink.commit(Patience(threading.Event(), 5), final=True)
    sink, starts = opened(both)
    assert starts == {(BOOK, 0): None}
    for record in log.read(starts):
        sink.write(record)
    sink.commit(Patience(threading.Event(), 5), final=True)
    assert rows_of(both, "book_deltas") == rows_of(both, "book_snapshots") == 6
    assert sink.committed() == {(BOOK, 0): 3}


def test_the_byte_budget_flushes_the_largest_table(tmp_path: Path) -> None:
    """Over `buffer_max_bytes` the largest buffer is committed although nothing is due."""
    settings = settings_for(tmp_path, tables=["trades", "quotes"], buffer_max_bytes=1_048_576)
    sink, _ = opened(settings)
    trades, quotes = MdLog("md.trades"), MdLog("md.quotes")
    sink.write(quotes.append(0, [1]))
    offset = 0
    while not rows_of(settings, "trades"):
        offset += 1
        sink.write(trades.append(0, range(offset * 100, offset * 100 + 100), rows_each=20))
        sink.commit(Patience(threading.Event(), 5))
        assert offset < 100
    assert rows_of(settings, "quotes") == 0


def test_a_catalog_that_is_away_at_start_is_waited_for(tmp_path: Path) -> None:
    """Connection errors are tried again up to the limit, then said; a stop ends the wait."""
    settings = settings_for(tmp_path, topic_wait_s=0.0)

    def away(_: Settings) -> object:
        raise ConnectionError("refused")

    sink = IcebergSink(settings, away)  # type: ignore[arg-type]
    with pytest.raises(RetryError, match="refused"):
        sink.open({"md.trades": TopicIdentity("c", "t", (0,))}, Patience(threading.Event(), 5))


def test_an_identity_error_at_start_is_not_retried(tmp_path: Path) -> None:
    """What a person has to decide is said at once."""
    settings = settings_for(tmp_path)
    log = MdLog("md.trades")
    sink, starts = opened(settings)
    log.append(0, [1])
    for record in log.read(starts):
        sink.write(record)
    sink.commit(Patience(threading.Event(), 5), final=True)
    other = IcebergSink(settings, scripted)
    with pytest.raises(IdentityError):
        other.open({"md.trades": TopicIdentity("c", "recreated", (0,))}, Patience(threading.Event(), 5))


def test_a_table_sent_forward_takes_no_record_from_its_neighbour(tmp_path: Path) -> None:
    """When a rival moved one table of a topic on, reading goes on where the table furthest behind needs it."""
    both = settings_for(tmp_path, tables=["book_deltas", "book_snapshots"])
    log = MdLog(BOOK, kinds=KINDS)
    log.append(0, [0], rows_each=6)
    sink, starts = opened(both)
    for record in log.read(starts):
        sink.write(record)
    log.append(0, [1], rows_each=6)
    rival, starts = opened(settings_for(tmp_path, tables=["book_deltas"]))
    for record in log.read(starts):
        rival.write(record)
    patience = Patience(threading.Event(), 5)
    rival.commit(patience, final=True)
    back = sink.commit(patience, final=True)
    assert back == {(BOOK, 0): 1}
    for record in log.read(back):
        sink.write(record)
    assert sink.commit(patience, final=True) == {}
    assert rows_of(both, "book_deltas") == rows_of(both, "book_snapshots") == 4
