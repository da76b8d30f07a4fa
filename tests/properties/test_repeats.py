"""What is delivered twice becomes one row, and the test sees it where the protection is taken away."""

from __future__ import annotations

from collections import Counter

import pytest

from agents._core import PartitionCore
from agents._operator import Operator
from agents._symbol import operators
from exchanges.binance import EXCHANGE
from exchanges.bybit import EXCHANGE as BYBIT
from schemas import encode_frame, encode_raw

KEY = b"binance.usdm.AAAUSDT"
TRADES = 40
BYBIT_FRAME_TRADES = 1024


def frames_of(conn: str, start: int = 0) -> list[bytes]:
    """Make invented frames as one connection receives them: trades, quotes, mark prices and liquidations."""
    found = []
    for number in range(TRADES):
        trade, clock_ms = 1000 + number, 1_790_000_000_000 + 10 * number
        bodies = [
            (
                "trades",
                (
                    f'{{"stream":"aaausdt@aggTrade","data":{{"e":"aggTrade","E":{clock_ms},"s":"AAAUSDT","a":{trade},'
                    f'"p":"10.{number:02d}","q":"1","nq":"1","f":{trade},"l":{trade},"T":{clock_ms},"m":false,"st":1}}}}'
                ),
            ),
            (
                "quotes",
                (
                    f'{{"stream":"aaausdt@bookTicker","data":{{"e":"bookTicker","u":{5000 + 3 * number},"E":{clock_ms},'
                    f'"T":{clock_ms},"s":"AAAUSDT","ps":"AAAUSDT","b":"10.0","B":"4","a":"10.1","A":"2","st":1}}}}'
                ),
            ),
            (
                "funding",
                (
                    f'{{"stream":"aaausdt@markPrice@1s","data":{{"e":"markPriceUpdate","E":{clock_ms},"s":"AAAUSDT",'
                    f'"p":"10.1","ap":"10.1","i":"10.0","P":"10.1","r":"0.0001","T":1790006400000,"st":1}}}}'
                ),
            ),
            (
                "liquidations",
                (
                    f'{{"stream":"aaausdt@forceOrder","data":{{"e":"forceOrder","E":{clock_ms},"o":{{"s":"AAAUSDT",'
                    f'"S":"SELL","o":"LIMIT","f":"IOC","q":"1","p":"9.8","ap":"9.9","X":"FILLED","l":"1","z":"1",'
                    f'"T":{clock_ms}}},"ps":"AAAUSDT","st":1}}}}'
                ),
            ),
        ]
        for kind, body in bodies:
            found.append(encode_frame(conn, start + len(found), clock_ms * 1_000_000, kind, body.encode()))
    return found


def records_of(frames: list[bytes], size: int = 8) -> list[bytes]:
    """Pack frames into raw records."""
    cuts = range(0, len(frames), size)
    return [encode_raw("binance", "usdm", "AAAUSDT", "test", frames[at : at + size]) for at in cuts]


def rows_of(values: list[bytes], chain: tuple[Operator, ...] | None = None) -> Counter[str]:
    """Count the rows of each topic."""
    core = PartitionCore({"binance": EXCHANGE}, "raw.binance", 0, chain=chain)
    found: Counter[str] = Counter()
    for offset, value in enumerate(values):
        for output in core.process([(offset, KEY, value)]).md:
            found[output.topic] += output.batch.num_rows
    return found


def without(*names: str) -> tuple[Operator, ...]:
    """Plant a mutant: the chain without some of its operators."""
    return tuple(operator for operator in operators() if operator.name not in names)


ONCE = Counter({"md.trades": TRADES, "md.quotes": TRADES, "md.funding": TRADES, "md.liquidations": TRADES})


def test_frames_the_spool_delivers_twice_are_rows_once() -> None:
    """Also frames of kinds without ids: the connection and the frame's number on it tell a repeat."""
    values = records_of(frames_of("c1"))
    assert rows_of([*values, *values[5:], *values]) == ONCE


@pytest.mark.parametrize("recut", [8, 3, 50])
def test_a_spool_may_cut_its_records_differently(recut: int) -> None:
    """A record's cut is no part of a frame's identity."""
    frames = frames_of("c1")
    assert rows_of([*records_of(frames), *records_of(frames, recut)]) == ONCE


def test_two_producer_incarnations_at_once_are_rows_once() -> None:
    """Two processes record the same venue; each has connections of its own, so only the venue's ids tell."""
    first, second = records_of(frames_of("c1")), records_of(frames_of("c2", start=7))
    mixed = [value for pair in zip(first, second, strict=True) for value in pair]
    assert rows_of(mixed) == ONCE
    assert rows_of([*second[:9], *first, *second[9:]]) == ONCE


def full_frame(number: int, conn: str) -> bytes:
    """Make an invented frame of as many trades as Bybit puts into one (PROTOCOLS 4.4)."""
    trades = ",".join(
        f'{{"T":1790000000{number},"s":"AAAUSDT","S":"Buy","v":"1","p":"2","L":"PlusTick","i":"{number}-{each}","BT":false}}'
        for each in range(BYBIT_FRAME_TRADES)
    )
    raw = f'{{"topic":"publicTrade.AAAUSDT","type":"snapshot","ts":1790000000{number},"data":[{trades}]}}'
    return encode_frame(conn, number, 1_790_000_000_000_000_000, "trades", raw.encode())


@pytest.mark.parametrize("lag", [1, 3])
def test_a_connection_that_lags_by_whole_frames_repeats_nothing(lag: int) -> None:
    """Ids without order are remembered for as many frames as one connection may be behind the other."""
    numbers = range(100, 108)
    sent = [(number, "c1") for number in numbers[:lag]]
    for behind, number in enumerate(numbers[lag:]):
        sent += [(number, "c1"), (numbers[behind], "c2")]
    core = PartitionCore({"bybit": BYBIT}, "raw.bybit", 0)
    found = 0
    for offset, (number, conn) in enumerate(sent):
        value = encode_raw("bybit", "linear", "AAAUSDT", "test", [full_frame(number, conn)])
        outputs = core.process([(offset, b"bybit.linear.AAAUSDT", value)])
        assert not outputs.dead
        found += sum(output.batch.num_rows for output in outputs.md)
    assert found == len(numbers) * BYBIT_FRAME_TRADES


def test_the_checks_see_a_chain_without_its_protection() -> None:
    """Without the frame's identity or the row's id repeats become rows, so the tests above can fail."""
    frames = frames_of("c1")
    twice = [*records_of(frames), *records_of(frames)]
    assert rows_of(twice, without("dedupe_frames", "dedupe_rows")) != ONCE
    other = [*records_of(frames), *records_of(frames_of("c2"))]
    assert rows_of(other, without("dedupe_rows")) != ONCE
