"""Declared gaps against what was missed: undeclared, misdeclared and overlong ones are found."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cryptoflow.verify.frames import Expected
from cryptoflow.verify.gaps import Gap, Timeline, judge_track
from cryptoflow.verify.report import Report, Tolerances
from cryptoflow.verify.tracks import Status, Track


@pytest.mark.parametrize(("channel", "table"), [("aggTrade", "trades"), ("depth@100ms", "book_deltas")])
def test_gap_declared(session, gap_around, channel, table):
    """A gap on purpose is clean when it is declared with its ids and undeclared when it is not."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@{channel}", "gap", 2)
    session.play(1500)
    assert session.compare().counts["undeclared_gaps"] == 1
    gap_around(session, table, symbol)
    report = session.compare()
    assert report.clean, report.text()
    assert report.gaps == 1


@pytest.mark.parametrize(("channel", "table"), [("aggTrade", "trades"), ("depth@100ms", "book_deltas")])
@pytest.mark.parametrize("told", [{"from_id": 5}, {"to_id": 5}, {"ids_missing": 99}, {"from_id": None}])
def test_gap_with_wrong_ids(session, gap_around, channel, table, told):
    """A gap that names other ids than those missing is misdeclared."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@{channel}", "gap")
    session.play(1500)
    gap_around(session, table, symbol, **told)
    assert session.compare().counts["misdeclared_gaps"] == 1


def test_gap_in_two(session, gap_around):
    """One hole with two gap ids is misdeclared."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap", 3)
    session.play()
    gap = gap_around(session, "trades", symbol)
    session.rows["gaps"].append({**gap, "gap_id": "other"})
    assert session.compare().counts["misdeclared_gaps"] == 1


def test_gap_of_other_ids_beside(session, gap_around):
    """A gap of other ids that covers the same time is another hole's."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap", 3)
    session.play()
    gap = gap_around(session, "trades", symbol)
    other = {"gap_id": "other", "from_id": gap["from_id"] - 20, "to_id": gap["from_id"] - 10, "ids_missing": 11}
    session.rows["gaps"].append({**gap, **other})
    assert session.compare().counts["misdeclared_gaps"] == 0


@pytest.mark.parametrize("bound", ["from_ns", "to_ns"])
def test_gap_too_long(session, gap_around, bound):
    """A gap that takes in frames that were received is overlong."""
    symbol = session.symbols[0]
    session.play(2000)
    session.arm(f"{symbol.lower()}@aggTrade", "gap", 3)
    session.play(2000)
    gap = gap_around(session, "trades", symbol, cause="restart")
    gap[bound] += 100_000_000 * (1 if bound == "to_ns" else -1)
    report = session.compare()
    assert report.counts["overlong_gaps"] == 1, report.text()


def test_gap_never_closed(session, gap_around):
    """A gap left open although frames went on is overlong."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap")
    session.play()
    gap_around(session, "trades", symbol)
    session.rows["gaps"][0]["to_ns"] = None
    assert session.compare().counts["overlong_gaps"] == 1


def test_gap_of_nothing(session):
    """A gap where nothing was missed is overlong."""
    symbol = session.symbols[0]
    session.play()
    rows = [row for row in session.rows["trades"] if row["native_symbol"] == symbol]
    session.declare(symbol, "trades", rows[3]["received_ns"], rows[4]["received_ns"])
    assert session.compare().counts["overlong_gaps"] == 1


@pytest.mark.parametrize(("last", "fails"), [(4, 0), (6, 1)])
def test_gap_of_a_switch(session, last, fails):
    """Nothing need be missed between two connections without ids; what was received is not in the gap."""
    symbol = session.symbols[0]
    session.play()
    rows = [row for row in session.rows["quotes"] if row["native_symbol"] == symbol]
    session.declare(symbol, "quotes", rows[3]["received_ns"], rows[last]["received_ns"], cause="switch")
    assert session.compare().counts["overlong_gaps"] == fails


def test_gap_twice(session, gap_around):
    """A gap row that stands twice is duplicated."""
    symbol = session.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap")
    session.play()
    session.rows["gaps"].append(dict(gap_around(session, "trades", symbol)))
    assert session.compare().counts["duplicated"] == 1


def test_down(session):
    """Frames nobody was subscribed to must lie in a declared gap, of quotes too."""
    symbol = session.symbols[0]
    stream = f"binance.usdm {symbol.lower()}@bookTicker"
    session.play()
    listeners = session.hub.routes.pop(stream)
    session.play(50)
    session.hub.routes[stream] = listeners
    session.play()
    assert session.compare().counts["undeclared_gaps"] == 1
    rows = [row for row in session.rows["quotes"] if row["native_symbol"] == symbol]
    pairs = list(pairwise(rows))
    before, after = max(pairs, key=lambda pair: pair[1]["received_ns"] - pair[0]["received_ns"])
    session.declare(symbol, "quotes", before["received_ns"], after["received_ns"], cause="disconnect")
    report = session.compare()
    assert report.clean, report.text()


@pytest.mark.parametrize(("restarts", "unseen"), [(True, 0), (False, 1)])
def test_loss_before_a_restart(restarts, unseen):
    """Nobody can see what was lost just before ids began again; what was lost after is a hole of its own."""
    track = Track("book_deltas", "chain", restarts=restarts)
    for position, number in enumerate((7, 8, 9, 2, 3, 4)):
        lost = number in {8, 9}
        status = Status.WITHHELD if lost else Status.SENT
        track.add(Expected("book_deltas", "A", number, [("1",)], number, number), status, position, 0, injected=lost)
    timeline = Timeline(track)
    for position, status in enumerate(track.status):
        if status == Status.SENT:
            timeline.present(position, position)
        else:
            timeline.absent(position)
    report = Report()
    judge_track("A", timeline, [], (), Tolerances(), report)
    assert report.counts["undeclared_gaps"] == unseen


def test_ids_after_a_restart():
    """A hole behind a restart is declared by the ids that count from there."""
    track = Track("book_deltas", "chain", restarts=True)
    for position, number in enumerate((9, 2, 3, 4, 1)):
        track.add(Expected("book_deltas", "A", (number, position), [("1",)], number, number), Status.SENT, 1, 0,
                  injected=number in {2, 4})  # fmt: skip
    timeline = Timeline(track)
    for position, lost in enumerate((False, True, False, True, False)):
        (timeline.absent if lost else timeline.present)(*((position,) if lost else (position, 10 * position)))
    report = Report()
    gaps = [
        Gap(f"{number}", "sequence", low, high, number, number, 1) for number, low, high in ((2, 0, 20), (4, 20, 40))
    ]
    judge_track("A", timeline, gaps, (), Tolerances(), report)
    assert report.counts["misdeclared_gaps"] == 0


@pytest.mark.parametrize(
    ("table", "proof", "unseen"), [("quotes", "seen", 0), ("book_deltas", "seen", 1), ("trades", "contiguous", 1)]
)
def test_garbage_where_a_number_came(table, proof, unseen):
    """A number says that a frame came: its dead letter is enough, but for a book, and where the ids miss one."""
    track = Track(table, proof)
    timeline = Timeline(track)
    for number, status in enumerate((Status.SENT, Status.GARBAGE, Status.SENT)):
        track.add(Expected(table, "A", number, [(number,)], number, number), status, number, 0, injected=False)
        if status is Status.SENT:
            timeline.present(number, number)
        else:
            timeline.absent(number)
    report = Report()
    judge_track("stream", timeline, [], [], Tolerances(), report)
    assert report.counts["undeclared_gaps"] == unseen


@pytest.mark.parametrize(
    ("table", "counted", "wrong"),
    [("book_deltas", None, 0), ("book_deltas", 1, 0), ("book_deltas", 2, 1), ("trades", 1, 0), ("trades", None, 1)],
)
def test_ids_without_holes_are_counted(table, counted, wrong):
    """A gap says how many of such ids are missing; of a book, which a snapshot heals, it need not."""
    track = Track(table, "contiguous")
    timeline = Timeline(track)
    for number, status in enumerate((Status.SENT, Status.WITHHELD, Status.SENT)):
        track.add(Expected(table, "A", number, [(number,)], number, number), status, number, 0, injected=number == 1)
        if status is Status.SENT:
            timeline.present(number, number)
        else:
            timeline.absent(number)
    report = Report()
    judge_track("stream", timeline, [Gap("g", "sequence", 0, 2, 1, 1, counted)], [2], Tolerances(), report)
    assert report.counts["misdeclared_gaps"] == wrong
