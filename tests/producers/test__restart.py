"""What was missed since the last run is told per stream, from the log alone."""

from __future__ import annotations

from producers._restart import LastHeard
from schemas import GapEvidence, RawRecord, decode_raw, encode_frame, encode_raw

KINDS = frozenset({"trades", "quotes", "liquidations"})
KEY = ("usdm", "AAAUSDT")


def record(*frames: tuple[str, int, bytes], symbol: str = "AAAUSDT") -> RawRecord:
    """Make a record of frames (kind, time, bytes)."""
    encoded = [encode_frame("c", number, t, kind, raw) for number, (kind, t, raw) in enumerate(frames)]
    return decode_raw(encode_raw("binance", "usdm", symbol, "test", encoded))


def heard() -> LastHeard:
    """Look for one symbol."""
    return LastHeard("binance", {KEY: KINDS})


def test_the_last_frame_of_each_stream_counts_in_any_order_of_reading() -> None:
    """The log is read backwards in windows, so older records may come later."""
    one = heard()
    one.take(record(("trades", 50, b"1"), ("quotes", 60, b"1")))
    one.take(record(("trades", 10, b"1"), ("gap", 90, b"{}"), ("instrument", 95, b"{}")))
    assert one.times == {KEY: {"trades": 50, "quotes": 60}}


def test_an_alive_frame_counts_up_to_the_silence_it_allows() -> None:
    """An idle stream was sound at least until the frame less its limit, and never less than its last frame."""
    one = heard()
    one.take(
        record(("trades", 50, b"1"), ("alive", 100, b'{"streams":["trades","liquidations"],"silence_limit_ns":30}'))
    )
    one.take(record(("alive", 60, b'{"streams":["trades"],"silence_limit_ns":30}'), ("alive", 99, b'"no"')))
    assert one.times == {KEY: {"trades": 70, "liquidations": 70}}


def test_streams_last_heard_together_share_a_gap() -> None:
    """One gap frame per distinct time; streams not recorded any more have none."""
    one = heard()
    one.take(record(("trades", 50, b"1"), ("quotes", 50, b"1"), ("book", 55, b"1")))
    one.take(record(("alive", 80, b'{"streams":["liquidations"],"silence_limit_ns":10}')))
    assert list(one.evidence()) == [
        (KEY, GapEvidence("restart", ("quotes", "trades"), 50)),
        (KEY, GapEvidence("restart", ("liquidations",), 70)),
    ]


def test_streams_served_again_at_different_times_have_gaps_of_their_own() -> None:
    """Each lasts until its own stream flows; of the others nothing is said."""
    one = heard()
    one.take(record(("trades", 50, b"1"), ("quotes", 50, b"1"), ("liquidations", 50, b"1")))
    assert list(one.missed(KEY, {"trades": 90, "quotes": 80})) == [
        GapEvidence("restart", ("quotes",), 50, 80),
        GapEvidence("restart", ("trades",), 50, 90),
    ]
    assert list(one.missed(("usdm", "BBBUSDT"), {"trades": 90})) == []


def test_a_gap_at_a_start_lasts_until_the_stream_is_heard() -> None:
    """Subscribing takes its time, and what the venue sends meanwhile is missed, too."""
    one = heard()
    one.take(record(("trades", 50, b"1"), ("quotes", 50, b"1"), ("liquidations", 50, b"1")))
    assert list(one.evidence()) == [(KEY, GapEvidence("restart", ("liquidations", "quotes", "trades"), 50, 0))]


def test_a_stream_never_heard_is_missed_from_the_symbols_last_frame() -> None:
    """A first liquidation may fall into the outage: order within a symbol says from when it can be missing."""
    one = heard()
    one.take(record(("trades", 50, b"1"), ("quotes", 60, b"1"), ("instrument", 40, b"{}")))
    assert list(one.evidence()) == [
        (KEY, GapEvidence("restart", ("trades",), 50)),
        (KEY, GapEvidence("restart", ("liquidations", "quotes"), 60)),
    ]


def test_a_symbol_never_heard_has_no_gap() -> None:
    """Nothing in the log means nothing was ever recorded."""
    one = heard()
    one.take(record(("trades", 50, b"1"), symbol="BBBUSDT"))
    assert list(one.evidence()) == []


def test_further_windows_look_only_for_what_is_missing() -> None:
    """Once all streams of a symbol are found its older records are not decoded."""
    one = heard()
    assert one.next_window()
    assert one.open_keys == {b"binance.usdm.AAAUSDT"}
    one.take(record(*((kind, 5, b"1") for kind in KINDS)))
    assert not one.next_window()


def test_a_frame_before_an_alive_frame_is_still_looked_for() -> None:
    """An `alive` frame vouches for less than the stream's last frame may say, so the search goes on to that time."""
    one = heard()
    one.take(record(("trades", 95, b"1"), ("quotes", 96, b"1")))
    one.take(record(("alive", 100, b'{"streams":["liquidations"],"silence_limit_ns":30}')))
    assert one.next_window()
    one.take(record(("liquidations", 85, b"1")))
    assert one.times[KEY]["liquidations"] == 85
    assert not one.next_window()


def test_the_search_ends_at_the_time_an_alive_frame_vouches_for() -> None:
    """Frames older than that time cannot be later than it."""
    one = heard()
    one.take(record(("trades", 95, b"1"), ("quotes", 69, b"1")))
    one.take(record(("alive", 100, b'{"streams":["liquidations"],"silence_limit_ns":30}')))
    assert not one.next_window()


def feed_record(conn: str, *frames: tuple[str, int, dict[str, str | int] | None]) -> RawRecord:
    """Make a record of one connection's frames (kind, time, meta)."""
    encoded = [encode_frame(conn, number, t, kind, b"1", meta=meta) for number, (kind, t, meta) in enumerate(frames)]
    return decode_raw(encode_raw("binance", "usdm", "AAAUSDT", "test", encoded))


def test_a_snapshot_on_the_socket_proves_the_book_stream_and_one_over_rest_does_not() -> None:
    """Some venues send nothing else for a while; a REST answer says nothing of a socket."""
    one = LastHeard("binance", {KEY: frozenset({"book", "trades"})})
    one.take(feed_record("c", ("book_snapshot", 50, {"reason": "subscribe", "stream": "s"})))
    one.take(feed_record("c", ("book_snapshot", 90, {"requested_ns": 80, "reason": "periodic"})))
    one.take(feed_record("c", ("trades_backfill", 95, None)))
    assert one.times == {KEY: {"book": 50}}


def test_a_restarted_feed_looks_at_its_own_frames_only() -> None:
    """The other feed's frames do not tell what this one missed, but the search goes back past them."""
    one = LastHeard("binance", {KEY: frozenset({"trades"})}, "b")
    one.take(feed_record("c", ("trades", 90, None)))
    assert one.times == {KEY: {}}
    assert one.next_window()
    one.take(feed_record("b/c", ("trades", 40, None)))
    assert list(one.evidence()) == [(KEY, GapEvidence("restart", ("trades",), 40))]
    assert not one.next_window()


def test_further_parts_of_a_frame_count_like_the_first() -> None:
    """A frame of several symbols is heard for each of them."""
    one = LastHeard("binance", {KEY: frozenset({"trades"})})
    one.take(decode_raw(encode_raw("b", "usdm", "AAAUSDT", "t", [encode_frame("c", 1, 7, "trades", b"1", part=3)])))
    assert one.times == {KEY: {"trades": 7}}
