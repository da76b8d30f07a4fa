"""Trades that were lost are asked for, and what the venue then says of each id closes the gap for certain."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.follow_connections import LIVING_NS
from schemas._reseed import ReseedRequest
from tests.doubles.raw_frames import Log, Reader, Writer, core, gap, trade

LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANSWER_MAX_TRADES = 3


@dataclass
class Venue:
    """Number trades; some ids are never used. Serve any range of them as the producer writes it."""

    draw: random.Random
    next_id: int = 50
    absent: set[int] = field(default_factory=set)
    heard: set[int] = field(default_factory=set)

    def trades(self) -> list[int]:
        """Make the next trades."""
        made: list[int] = []
        while len(made) < self.draw.randint(1, 3):
            if self.draw.randrange(5):
                made.append(self.next_id)
            else:
                self.absent.add(self.next_id)
            self.next_id += 1
        return made

    def serve(self, request: ReseedRequest, log: Log) -> list[bytes]:
        """Return the frames of an answer, in pieces as REST gives them."""
        assert request.from_id is not None
        assert request.to_id is not None
        frames = []
        left = list(range(request.from_id, request.to_id + 1))
        while left:
            piece, left = left[:ANSWER_MAX_TRADES], left[ANSWER_MAX_TRADES:]
            for one in piece:
                if one in self.absent:
                    meta = {"absent_from": one, "absent_to": one}
                    frames.append(log.frame("trades_backfill", b"null", conn="r", valid_json=True, meta=meta))
                else:
                    frames.append(log.frame("trades_backfill", trade(one), conn="r"))
        return frames


def records_of(draw: random.Random, turns: int) -> tuple[Log, Venue, list[ReseedRequest]]:
    """Write what a session with losses leaves in the log, requests served at once or late, some of them twice."""
    log, venue, asked = Log(market="s"), Venue(draw), list[ReseedRequest]()
    reading, waiting, done = core(), list[ReseedRequest](), 0
    for turn in range(turns):
        ids = venue.trades()
        if turn and turn < turns - 1 and draw.randrange(3) == 0:
            if draw.randrange(2):
                log.put("gap", gap("trades"))
            continue  # these are lost
        venue.heard.update(ids)
        log.now_ns += LIVING_NS  # one connection after the other: what one jumps over is missing at once
        log.put("trades", trade(*ids), conn=draw.choice("ab"))
        found = reading.process(log.records[done:]).reseeds
        done = len(log.records)
        asked += found
        waiting += found * draw.randint(1, 2)
        draw.shuffle(waiting)
        while waiting and draw.randrange(2):
            log.add(*venue.serve(waiting.pop(), log))
    for request in waiting:
        log.add(*venue.serve(request, log))
    return log, venue, asked


def read(log: Log, cut: int) -> dict[str, list[dict[str, Any]]]:
    """Process a log in calls of `cut` records."""
    reader, reading = Reader(), core()
    writer = Writer(reader)
    for start in range(0, len(log.records), cut):
        writer.write(reading.process(log.records[start : start + cut]))
    return reader.rows


@LIMITS
@given(seed=st.integers(0, 2**32), turns=st.integers(2, 30), cut=st.integers(1, 40))
def test_every_gap_of_trades_is_closed_by_what_was_asked_for(seed: int, turns: int, cut: int) -> None:
    """Each id from the first heard to the last is a row once or proven absent, and no gap is left with missing ids.

    The last revision of a gap that was filled says what proved its last id: a trade, or an absence.
    """
    log, venue, asked = records_of(random.Random(seed), turns)
    rows = read(log, cut)
    taken = [int(row["trade_id"]) for row in rows["md.trades"]]
    first, last = min(venue.heard), max(venue.heard)
    assert sorted(taken) == [one for one in range(first, last + 1) if one not in venue.absent]
    revisions: dict[str, list[dict[str, Any]]] = {}
    for row in rows.get("md.gaps", []):
        revisions.setdefault(row["gap_id"], []).append(row)
    filled = []
    for found in revisions.values():
        assert [row["revision"] for row in found] in ([0, 1], [0, 1, 2])
        assert found[1]["resolved_by"] == "next"
        missing = found[1]["ids_missing"] or 0
        assert (len(found) == 3) == (missing > 0)
        if missing:
            assert found[2]["resolved_by"] in {"backfill", "absent"}
            assert found[2]["ids_missing"] == 0
            filled.append((found[2]["from_id"], found[2]["to_id"]))
    assert sorted(filled) == sorted({(one.from_id, one.to_id) for one in asked})


@LIMITS
@given(seed=st.integers(0, 2**32), turns=st.integers(3, 30))
def test_an_answer_that_lacks_an_id_leaves_its_gap_as_it_is(seed: int, turns: int) -> None:
    """What the venue no longer serves stays missing: the gap is closed by the next trade and never called filled."""
    log, _, asked = records_of(random.Random(seed), turns)
    withheld = {one.from_id for one in asked}
    told = [
        (offset, key, value)
        for offset, key, value in log.records
        if b'"k":"trades_backfill"' not in value or not withheld
    ]
    rows = {row["gap_id"]: row for row in core_rows(told)}
    for row in rows.values():
        assert row["revision"] == 1
        assert row["resolved_by"] == "next"
    assert {row["from_id"] for row in rows.values() if row["from_id"] is not None} == withheld


def core_rows(records: list[tuple[int, bytes | None, bytes]]) -> list[dict[str, Any]]:
    """Return the gap rows of records."""
    found = core().process(records)
    return [row for output in found.md if output.topic == "md.gaps" for row in output.batch.to_pylist()]
