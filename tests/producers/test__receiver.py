"""Every frame received is published verbatim, whatever it contains."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from exchanges import StreamKind
from exchanges.binance import USDM
from exchanges.coinbase import SPOT as ADVANCED
from exchanges.kraken import SPOT
from producers import _receiver
from producers._receiver import Hooks, Receiver
from producers._watchdog import SilenceLimits, StreamInfo, Watchdog
from tests.doubles.memory_log import MemoryLog

BOOK = b'{"stream":"aaausdt@depth@100ms","data":{"s":"AAAUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}'
TRADE = b'{"stream":"aaausdt@aggTrade","data":{"s":"AAAUSDT","a":1}}'
ACK = b'{"result":null,"id":1}'
GARBAGE = b'{"stream":"aaausdt@aggTr\xff\xfe'


class Bench:
    """Hold a receiver and what it called."""

    def __init__(self, log: MemoryLog) -> None:
        """Connect it to the log."""
        self.books: list[tuple[str, bytes]] = []
        self.control: list[bytes] = []
        self.watchdog = Watchdog(
            [StreamInfo("aaausdt@aggTrade", StreamKind.TRADES, "AAAUSDT", None)], SilenceLimits(1, 1, 2, 2, 1)
        )
        on_book: Callable[[str, bytes, int], None] = lambda symbol, raw, _: self.books.append((symbol, raw))  # noqa: E731 - short
        hooks = Hooks(log.lane, on_book=on_book, on_control=self.control.append)
        self.receiver = Receiver(USDM, log.intake, self.watchdog, hooks)


@pytest.fixture
def bench(memory_log: MemoryLog) -> Bench:
    """Return a receiver on the memory log."""
    return Bench(memory_log)


def test_frames_go_to_their_symbols_verbatim_and_numbered(bench: Bench, memory_log: MemoryLog) -> None:
    """Number, kind and bytes are kept; the connection names itself."""
    for raw in (TRADE, ACK, BOOK):
        bench.receiver.take(raw)
    frames = memory_log.frames("AAAUSDT")
    assert [(frame.c, frame.n, frame.k, frame.payload()) for frame in frames] == [
        (bench.receiver.conn, 1, "trades", TRADE), (bench.receiver.conn, 3, "book", BOOK),
    ]  # fmt: skip
    assert [(frame.n, frame.k, frame.payload()) for frame in memory_log.frames("")] == [(2, "control", ACK)]
    assert bench.control == [ACK]
    assert bench.books == [("AAAUSDT", BOOK)]
    assert bench.receiver.frames == 3


@pytest.mark.parametrize("raw", [GARBAGE, b"", b"[" * 50_000, b"null", b'{"stream":1}', TRADE[:-2]])
def test_garbage_is_published_too(bench: Bench, memory_log: MemoryLog, raw: bytes) -> None:
    """It travels byte for byte where a person finds it, counted as data, and spoils nothing around it."""
    for one in (TRADE, raw, TRADE):
        bench.receiver.take(one)
    found = [*memory_log.frames("AAAUSDT"), *memory_log.frames("")]
    assert sorted(frame.payload() for frame in found) == sorted([TRADE, raw, TRADE])
    assert memory_log.balance.facts()["received"] == 3
    assert {frame.k for frame in found} <= {"trades", "control"}


def test_answers_are_no_sign_of_life(bench: Bench) -> None:
    """Only data frames feed the watchdog."""
    bench.receiver.take(ACK)
    assert bench.watchdog.connection_ns == 0
    bench.receiver.take(TRADE)
    assert bench.watchdog.connection_ns == bench.receiver.last_ns
    assert bench.watchdog.counts["aaausdt@aggTrade"] == 1


def test_held_frames_come_out_in_order_after_the_release(bench: Bench, memory_log: MemoryLog) -> None:
    """While held nothing reaches the log or the books, but answers still count."""
    bench.receiver.hold()
    for raw in (ACK, TRADE, BOOK):
        bench.receiver.take(raw)
    assert memory_log.frames("AAAUSDT") == []
    assert bench.books == []
    assert bench.control == [ACK]
    assert bench.receiver.held == 3
    bench.receiver.release()
    bench.receiver.take(TRADE)
    assert [frame.n for frame in memory_log.frames("AAAUSDT")] == [2, 3, 4]
    assert bench.books == [("AAAUSDT", BOOK)]
    assert bench.receiver.held == 0


def test_the_lanes_remembered_are_bounded(bench: Bench, memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue that names ever new symbols does not fill the memory."""
    monkeypatch.setattr(_receiver, "LANES_CACHE_MAX", 2)
    for number in range(5):
        bench.receiver.take(TRADE.replace(b"aaausdt", b"s%dusdt" % number))
    assert len(bench.receiver._lanes) == 2
    assert len(memory_log.frames("S4USDT")) == 1


def test_a_replacement_is_joined_by_the_newest_frame_of_each_stream(bench: Bench, memory_log: MemoryLog) -> None:
    """Byte for byte, the last time it came; a stream without that frame, and kinds with ids, are left out."""
    ticker = b'{"channel":"ticker","type":"update","data":[{"symbol":"%b/USD","bid":%d}]}'
    trade = b'{"channel":"trade","type":"update","data":[{"symbol":"A/USD","trade_id":1}]}'
    old, fresh = (Receiver(SPOT, memory_log.intake, bench.watchdog, Hooks(memory_log.lane)) for _ in range(2))
    fresh.hold()
    old.take(ticker % (b"B", 1))
    old.remember()
    for raw in (ticker % (b"A", 1), trade, ticker % (b"A", 2), ticker % (b"C", 1)):
        old.take(raw)
    times: dict[bytes, list[int]] = {}
    for raw in (
        ticker % (b"A", 2),
        trade,
        ticker % (b"B", 1),
        ticker % (b"A", 2),
        ticker % (b"A", 3),
        ticker % (b"C", 2),
    ):
        fresh.take(raw)
        times.setdefault(raw, []).append(fresh.last_ns)
    assert fresh.joins(old) == {("A/USD", "quotes"): times[ticker % (b"A", 2)][1]}
    fresh.release()
    assert fresh.joins(old) == {}


TICKER = (
    b'{"channel":"ticker","timestamp":"%b","sequence_num":%d,'
    b'"events":[{"type":"update","tickers":[{"product_id":"A-B","price":"%d"}]}]}'
)
"""A frame with what a connection says of its own: its time and number."""


def held_after(memory_log: MemoryLog, watchdog: Watchdog, old_prices: list[int], fresh_prices: list[int]) -> list[int]:
    """Let an old connection of Coinbase Advanced Trade and its replacement bring prices; return what is new."""
    old, fresh = (Receiver(ADVANCED, memory_log.intake, watchdog, Hooks(memory_log.lane)) for _ in range(2))
    fresh.hold()
    old.remember()
    for number, price in enumerate(old_prices):
        old.take(TICKER % (b"T1", number, price))
    times = []
    for number, price in enumerate(fresh_prices):
        fresh.take(TICKER % (b"T2", number + 70, price))
        times.append(fresh.last_ns)
    joined = fresh.joins(old)
    assert joined.keys() <= {("A-B", "quotes")}
    since_ns = joined.get(("A-B", "quotes"), 0)
    return [price for price, at_ns in zip(fresh_prices, times, strict=True) if at_ns > since_ns]


@pytest.mark.parametrize(
    ("old", "fresh", "new"),
    [
        ([1, 2, 3], [2, 3, 4], [4]),
        ([1, 2, 2], [1, 2, 2, 2, 3], [2, 3]),
        ([1, 2], [1, 2, 2, 3], [2, 3]),
        ([2, 1, 2], [2, 1, 2, 5, 2], [5, 2]),
        (list(range(99)), list(range(90, 102)), [99, 100, 101]),
    ],
)
def test_what_a_connection_numbers_itself_does_not_tell_frames_apart(
    bench: Bench, memory_log: MemoryLog, old: list[int], fresh: list[int], new: list[int]
) -> None:
    """Copies of a frame are equal but for the number; of several alike the ones before them tell (PROTOCOLS 6.2.4)."""
    assert held_after(memory_log, bench.watchdog, old, fresh) == new


def test_a_replacement_is_joined_wherever_the_connections_stand(bench: Bench, memory_log: MemoryLog) -> None:
    """Whatever was sent, among it many alike, each counts once; where all are alike nothing is lost but likeness."""
    draw = random.Random(6)
    for _ in range(200):
        sent = [draw.randrange(4) for _ in range(40)]
        begins, ends = draw.randrange(10), draw.randrange(20, 40)
        assert sent[:ends] + held_after(memory_log, bench.watchdog, sent[:ends], sent[begins:]) == sent


def test_a_replacement_is_joined_in_time(bench: Bench, memory_log: MemoryLog) -> None:
    """Thousands of frames alike cost what they cost once."""
    assert held_after(memory_log, bench.watchdog, [7] * 20_000, [7] * 20_000) == []
