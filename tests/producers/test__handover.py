"""A symbol changes hands while both record it; the log proves when the old owner may let go."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers._handover import Given, Handover, Taken
from producers._restart import LastHeard
from schemas import GapEvidence, RawRecord, decode_raw, encode_frame, encode_raw

KEY = ("usdm", "AAA")
KINDS = ("trades", "quotes")
LIMIT_S, HOLD_S = 60.0, 4.0
ALIVE = b'{"streams":["trades","quotes"],"silence_limit_ns":5}'


def record(*frames: tuple[str, str, int], raw: bytes = b"1", symbol: str = "AAA") -> RawRecord:
    """Make a record of frames (connection, kind, time)."""
    encoded = [encode_frame(conn, number, t, kind, raw) for number, (conn, kind, t) in enumerate(frames)]
    return decode_raw(encode_raw("binance", "usdm", symbol, "test", encoded))


def handover(kinds: tuple[str, ...] = (), feed: str = "") -> Handover:
    """Follow a process whose connections begin with `own`."""
    return Handover(lambda conn: conn.removeprefix("b/").startswith("own"), feed, kinds, LIMIT_S, HOLD_S)


def nothing_heard() -> LastHeard:
    """Know nothing of the log before."""
    return LastHeard("binance", {KEY: frozenset({"trades", "quotes"})})


def test_a_giver_lets_go_once_every_kind_it_is_sent_is_seen_from_another() -> None:
    """One kind is not enough, and after the proof it stays for the hold."""
    one = handover()
    one.give(KEY, 0)
    one.hear(record(("own", "trades", 1), ("own", "quotes", 2)), 1)
    one.hear(record(("new", "trades", 3)), 2)
    assert one.given(50) == []
    one.hear(record(("new", "quotes", 4)), 51)
    assert one.given(51 + HOLD_S - 0.1) == []
    assert one.given(51 + HOLD_S) == [Given(KEY, {})]
    assert not one


def test_a_symbol_goes_no_earlier_than_the_index_it_follows() -> None:
    """Its new owner may be sent the index later; the index itself may go first."""
    index, other = ("usdm", "I"), ("usdm", "BBB")
    for first in (KEY, index):
        one = handover()
        for lane in (KEY, index, other):
            one.give(lane, 0)
        one.hold(KEY, [index])
        one.hear(record(("own", "trades", 1), ("new", "trades", 1), symbol=first[1]), 1)
        one.hear(record(("own", "trades", 1), ("new", "trades", 1), symbol="BBB"), 1)
        assert {given.symbol for given in one.given(20)} == {other, first} - {KEY}
        for lane in (KEY, index):
            one.hear(record(("own", "trades", 2), ("new", "trades", 2), symbol=lane[1]), 20)
        assert {given.symbol for given in one.given(20 + HOLD_S)} == {KEY, index} - ({first} - {KEY})


def test_a_giver_that_sees_nobody_keeps_the_symbol() -> None:
    """Not even a limit gives a symbol up to nobody; it is told as waiting."""
    one = handover()
    one.give(KEY, 0)
    one.hear(record(("own", "trades", 1), ("own", "alive", 2), ("own", "instrument", 2)), 1)
    assert one.given(1e9) == []
    assert one.waiting(LIMIT_S - 1) == 0
    assert one.waiting(LIMIT_S) == 1
    assert list(one.giving) == [KEY]


@pytest.mark.parametrize("sign", ["trades", "instrument"])
def test_after_the_limit_any_sign_of_the_new_owner_is_enough(sign: str) -> None:
    """A liquidation that never came proves nothing either way."""
    one = handover()
    one.give(KEY, 0)
    one.hear(record(("own", "trades", 1), ("own", "liquidations", 1), ("new", sign, 2)), 1)
    assert one.given(LIMIT_S - 1) == []
    assert one.given(LIMIT_S) == [Given(KEY, {})]


def test_what_other_processes_write_of_other_kinds_is_no_owner() -> None:
    """With `--streams book` the trades of another process, or its definitions, prove nothing."""
    one = handover(kinds=("book",))
    one.give(KEY, 0)
    one.hear(record(("own", "book", 1), ("new", "trades", 2), ("new", "instrument", 2)), 1)
    assert one.given(1e9) == []
    one.hear(record(("new", "book", 3)), 2)
    assert one.given(2 + HOLD_S) == [Given(KEY, {})]


def test_another_feed_is_no_owner() -> None:
    """A redundant feed records the same symbols for ever."""
    one = handover(feed="b")
    one.give(KEY, 0)
    one.hear(record(("b/own", "trades", 1), ("other", "trades", 2), ("other", "instrument", 2)), 1)
    assert one.given(1e9) == []
    one.hear(record(("b/other", "trades", 3)), 2)
    assert one.given(2 + HOLD_S) == [Given(KEY, {})]


def test_an_election_of_ours_is_handed_on() -> None:
    """A reconnect during the overlap elects our connection; the log must not wait for one that ends."""
    one = handover()
    one.give(KEY, 0)
    one.hear(record(("ownframes", "switch", 1), raw=b'{"conn":"new","streams":["book","quotes"]}'), 1)
    one.hear(record(("new", "book", 2), ("new", "quotes", 2)), 1)
    one.hear(record(("ownframes", "switch", 3), raw=b'{"conn":"own2","streams":["book"]}'), 1)
    assert one.given(1 + HOLD_S) == [Given(KEY, {"book": "new"})]


def test_a_process_that_stops_declares_what_it_could_not_prove() -> None:
    """Up to its own streams, or to its end; a symbol that is accounted for is not named."""
    one, other = handover(), ("usdm", "BBB")
    log = LastHeard("binance", dict.fromkeys((KEY, other), frozenset({"trades"})))
    for symbol in ("AAA", "BBB"):
        log.take(record(("old", "trades", 5), symbol=symbol))
    for lane in (KEY, other):
        one.take(lane, log, 0)
    one.streaming(KEY, {"trades": 20}, 2)
    restart = GapEvidence("restart", ("trades",), 5, 20)
    assert one.end(30) == [Taken(KEY, (restart,)), Taken(other, (GapEvidence("restart", ("trades",), 5, 30),))]
    assert not one
    one.take(KEY, log, 0)
    one.streaming(KEY, {"trades": 20}, 2)
    one.hear(record(("old", "trades", 21)), 3)
    assert one.taken(3) == [Taken(KEY, ())]
    assert one.end(30) == []


def test_a_taker_is_content_when_the_other_is_heard_after_its_own_streams_stand() -> None:
    """Then nothing was missed, and nothing is declared."""
    one = handover()
    one.take(KEY, nothing_heard(), 0)
    one.hear(record(("old", "trades", 10), ("own", "trades", 11)), 1)
    assert one.taken(1e9) == []
    one.streaming(KEY, dict.fromkeys(KINDS, 20), 2)
    one.streaming(KEY, dict.fromkeys(KINDS, 99), 3)
    one.hear(record(("own", "trades", 25), ("old", "instrument", 26), ("old", "quotes", 19)), 4)
    assert one.taken(5) == []
    one.hear(record(("old", "alive", 21), raw=ALIVE), 5)
    assert one.taken(6) == [Taken(KEY, ())]
    assert not one


def test_a_taker_declares_what_nobody_recorded() -> None:
    """From the last frame of the other owner to our acknowledgement, per stream, once the limit has passed."""
    one = handover()
    heard = nothing_heard()
    heard.take(record(("old", "trades", 5), ("old", "quotes", 6)))
    one.take(KEY, heard, 0)
    one.hear(record(("old", "trades", 10), ("own", "trades", 30), ("own", "quotes", 30)), 1)
    one.streaming(KEY, dict.fromkeys(KINDS, 40), 2)
    assert one.taken(2 + LIMIT_S - 1) == []
    assert one.taken(2 + LIMIT_S) == [
        Taken(KEY, (GapEvidence("restart", ("quotes",), 6, 40), GapEvidence("restart", ("trades",), 10, 40)))
    ]


def test_a_taker_declares_only_kinds_that_it_was_served_too_late() -> None:
    """The other was heard between two answers: what was served before is proven, the rest lasts until its answer."""
    one = handover()
    heard = nothing_heard()
    heard.take(record(("old", "trades", 5), ("old", "quotes", 6)))
    one.take(KEY, heard, 0)
    one.streaming(KEY, {"quotes": 8}, 1)
    one.hear(record(("old", "quotes", 10)), 2)
    assert one.taken(1e9) == []
    one.streaming(KEY, {"quotes": 8, "trades": 20}, 3)
    assert one.taken(3 + LIMIT_S - 1) == []
    assert one.taken(3 + LIMIT_S) == [Taken(KEY, (GapEvidence("restart", ("trades",), 5, 20),))]


def test_an_order_taken_back_leaves_everything_as_it_is() -> None:
    """A symbol never let go is not taken up again; one wanted by another again is not taken."""
    one = handover()
    one.give(KEY, 0)
    one.take(KEY, nothing_heard(), 1)
    assert not one
    one.take(KEY, nothing_heard(), 1)
    assert list(one.taking) == [KEY]
    one.give(KEY, 2)
    assert (list(one.taking), list(one.giving)) == ([], [KEY])
    one.forget(KEY)
    assert not one


def test_other_symbols_are_not_looked_at() -> None:
    """The log holds many."""
    one = handover()
    one.give(KEY, 0)
    one.hear(record(("new", "trades", 3), symbol="BBB"), 1)
    assert one.given(1e9) == []


@given(st.lists(st.sampled_from(["old", "new", "old dies", "new dies", "tick", "new streams"]), max_size=40))
def test_a_symbol_is_never_without_an_owner_unless_one_died(steps: list[str]) -> None:
    """Whatever the interleaving, the giver lets go only after the taker's frames are in the log."""
    giver, taker = handover(), Handover(lambda conn: conn == "new", "", (), LIMIT_S, HOLD_S)
    giver.give(KEY, 0)
    taker.take(KEY, nothing_heard(), 0)
    alive = {"old": True, "new": True}
    log: deque[tuple[str, int]] = deque()
    holds, now = True, 0
    for step in steps:
        now += 1
        who = step.partition(" ")[0]
        if step in {"old", "new"} and alive[who] and (who == "new" or holds):
            frame = record(("own" if who == "old" else "new", "trades", now))
            log.append((who, now))
            giver.hear(frame, now)
            taker.hear(frame, now)
        elif step.endswith("dies"):
            alive[who] = False
        elif step == "new streams" and alive["new"]:
            taker.streaming(KEY, dict.fromkeys(KINDS, now), now)
        if alive["old"] and giver.given(now):
            holds = False
        if not holds:
            assert any(writer == "new" for writer, _ in log)
    for done in taker.taken(now):
        assert done.missed == ()
        assert any(writer == "old" for writer, _ in log)
