"""The composed core on records of an invented venue, and on real recordings when they are present."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.compute as pc
import pytest

from agents._core import LARGE_STATE_BYTES, UNREADABLE_KEY, PartitionCore
from agents._operator import Operator
from agents._run import Run
from agents._turn import Turn
from exchanges import Exchange
from exchanges.binance import EXCHANGE as BINANCE
from schemas import encode_frame, encode_raw, topics
from tests.doubles.invented_venue import MARKET
from tests.doubles.raw_frames import IN_STREAM, PARTITION, RAW_TOPIC, Log, core, gap, quote, rows, trade

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"
needs_recordings = pytest.mark.skipif(not RECORDINGS.exists(), reason="recordings not present at ../shared/recordings")


def test_records_of_a_refused_source_are_dead_letters() -> None:
    """What a test put into the log of a production deployment becomes no row, and is not lost silently."""
    log = Log()
    log.put("trades", trade(5))
    refused = core(sources=("live", "backfill")).process(log.records)
    assert rows(refused, "md.trades", "trade_id") == []
    assert rows(refused, "md.dead_letters", "stage", "error", "message") == [
        ("route", "source", "records of source test are refused in this environment")
    ]
    assert rows(core(sources=("test",)).process(log.records), "md.trades", "trade_id") == ["5"]


def test_rows_carry_where_they_came_from() -> None:
    """Every row has the names, times, connection and position of its frame; row_index counts per record."""
    log = Log()
    log.add(log.frame("trades", trade(5, 6)), log.frame("quotes", quote(1)), log.frame("trades", trade(7)))
    log.put("trades", trade(8), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id", "conn", "frame_no", "raw_partition", "raw_offset", "row_index") == [
        ("5", "a", 0, 3, 0, 0),
        ("6", "a", 0, 3, 0, 1),
        ("7", "a", 2, 3, 0, 2),
        ("8", "b", 0, 3, 1, 0),
    ]
    first = rows(outputs, "md.trades")[0]
    assert (first["exchange"], first["market"], first["symbol"], first["native_symbol"]) == (
        "invented",
        "m",
        "AB",
        "AB",
    )
    assert (first["source"], first["exchange_ns"], first["received_ns"]) == ("test", 7, 1_001_000_000)
    assert (first["price"], first["notional"]) == (Decimal("1.5"), Decimal(3))
    assert outputs.frames == 4


def test_batches_have_the_schema_of_their_topic() -> None:
    """Columns stand exactly as the topic declares them."""
    log = Log()
    log.put("trades", trade(1))
    log.put("book", b"\xff")
    log.put("instrument", {"native": "AB", "base": "A", "quote": "B"})
    outputs = core().process(log.records)
    assert [md.topic for md in outputs.md] == ["md.book", "md.dead_letters", "md.gaps", "md.instruments", "md.trades"]
    for md in outputs.md:
        assert md.batch.schema == topics()[md.topic].schema
        md.batch.validate(full=True)


@pytest.mark.parametrize("call", [1, 4])
def test_frames_are_read_in_the_dialect_of_their_time(call: int) -> None:
    """A log over a change of the venue's format stays readable, whatever share of it is processed at once."""
    parsers = {kind: parser for kind, parser in MARKET.parsers.items() if kind != "quotes"}
    log = Log()
    for _ in range(2):
        log.add(log.frame("trades", trade(len(log.records) + 1)), log.frame("quotes", quote(1)))
    end_ns = log.now_ns + 1
    for _ in range(2):
        log.add(log.frame("trades", trade(len(log.records) + 1)), log.frame("quotes", quote(len(log.records))))
    market = dataclasses.replace(MARKET, earlier=((end_ns, dataclasses.replace(MARKET, parsers=parsers)),))
    one = PartitionCore({"invented": Exchange("invented", {"m": market})}, RAW_TOPIC, PARTITION)
    outputs = [one.process(log.records[start : start + call]) for start in range(0, 4, call)]
    assert rows(outputs, "md.trades", "trade_id") == ["1", "2", "3", "4"]
    assert rows(outputs, "md.quotes", "raw_offset") == [2, 3]
    assert rows(outputs, "md.dead_letters", "raw_offset") == [0, 1]


def test_records_below_the_state_are_skipped() -> None:
    """A restored symbol takes up where its state stands; others are not touched by it."""
    log = Log()
    log.put("trades", trade(1))
    log.put("trades", trade(1), symbol="CD")
    log.put("trades", trade(2))
    first = core()
    first.process(log.records[:2])
    states = {key: (offset, state) for key, offset, state in first.dirty() if key.endswith("AB")}
    second = core()
    second.restore(states)
    outputs = second.process(log.records)
    assert rows(outputs, "md.trades", "native_symbol", "trade_id") == [("CD", "1"), ("AB", "2")]
    assert outputs.frames == 2
    assert not second.process(log.records).md


def test_a_state_is_dirty_until_what_was_handed_out_is_written() -> None:
    """A change between handing a state out and clearing it stays dirty."""
    log = Log()
    log.put("trades", trade(1))
    log.put("trades", trade(1), symbol="CD")
    log.put("trades", trade(2))
    one = core()
    one.process(log.records[:2])
    handed = [key for key, _, _ in one.dirty()]
    assert handed == ["invented.m.AB", "invented.m.CD"]
    one.process(log.records[2:])
    one.clear_dirty(handed)
    assert [(key, offset) for key, offset, _ in one.dirty()] == [("invented.m.AB", 2)]
    one.clear_dirty(["invented.m.AB"])
    assert one.dirty() == []


@pytest.mark.parametrize("stored", [b"", b"\xc1", msgspec.msgpack.encode({"v": 9})])
def test_a_state_that_cannot_be_read_stops(stored: bytes) -> None:
    """Going on without it would repeat or lose rows."""
    with pytest.raises(ValueError, match=r"."):
        core().restore({"invented.m.AB": (5, stored)})


def test_records_nobody_knows_are_dead_letters_under_one_state() -> None:
    """Unknown exchange or market, a key of another symbol, no key: reported, skipped once known, bounded."""
    log = Log()
    log.put("trades", trade(1))
    good = log.records[0][2]
    strange = encode_raw("nobody", "m", "AB", "test", [])
    log.records = [
        (0, b"nobody.m.AB", strange),
        (1, b"\xff", b"{"),
        (2, None, b"{"),
        (3, b"invented.m.CD", good),
        (4, None, good),
        (5, b"invented.other.AB", good),
        (6, b"", strange),
    ]
    one = core()
    outputs = one.process(log.records)
    letters = rows(outputs, "md.dead_letters", "raw_offset", "stage", "exchange", "native_symbol")
    assert letters == [
        (0, "route", "invented", ""),
        (1, "envelope", "invented", ""),
        (2, "envelope", "invented", ""),
        (3, "route", "invented", "CD"),
        (5, "route", "invented", ""),
        (6, "route", "invented", ""),
    ]
    assert rows(outputs, "md.trades", "raw_offset") == [4]
    assert {key for key, _, _ in one.dirty()} == {UNREADABLE_KEY, "invented.m.AB", "invented.m.CD"}
    assert not one.process(log.records).md


def test_a_large_batch_is_cut_at_raw_records() -> None:
    """No md record exceeds the limit unless one raw record does; first and last say what each holds."""
    log = Log()
    for first in (1, 11, 21, 31):
        log.put("trades", trade(*range(first, first + 10)))
    outputs = core(rows_max=25).process(log.records)
    assert [(md.first, md.last, md.batch.num_rows) for md in outputs.md] == [(0, 1, 20), (2, 3, 20)]
    assert [md.batch.num_rows for md in core(rows_max=3).process(log.records).md] == [10] * 4


def test_a_role_takes_the_outputs_it_wants() -> None:
    """Topics that are not wanted are left out, state is the same."""
    log = Log()
    log.put("trades", trade(1))
    log.put("quotes", quote(1))
    some, full = core(md_topics=["md.quotes"]), core()
    assert [md.topic for md in some.process(log.records).md] == ["md.quotes"]
    full.process(log.records)
    assert some.dirty() == full.dirty()


def test_open_gaps_are_counted_by_market_also_after_a_restart() -> None:
    """Until they close; a role that writes no gap rows counts none, so that roles add up."""
    log = Log()
    log.put("trades", trade(1))
    log.put("gap", gap("trades", "quotes"))
    first, other = core(), core(md_topics=["md.trades"])
    for one in (first, other):
        one.process(log.records)
    again = core()
    again.restore({key: (offset, state) for key, offset, state in first.dirty()})
    (market,) = first.gaps_open()
    assert (first.gaps_open()[market], again.gaps_open()[market]) == (2, 2)
    assert not other.gaps_open()
    log.put("trades", trade(2))
    log.put("quotes", quote(3))
    again.process(log.records)
    assert again.gaps_open() == {market: 0}


class Counted(msgspec.Struct):
    """Count trades."""

    trades: int = 0


def count_step(state: Counted, turn: Turn) -> None:
    """Emit a row for every second trade."""
    for _ in turn.ids() if turn.kind == "trades" else ():
        state.trades += 1
        if state.trades % 2 == 0:
            turn.emit("md.bars", trades=state.trades)


def count_quiet(state: Counted, run: Run) -> Counted | None:
    """Do the same for a whole run."""
    after = Counted(state.trades)
    for ordinal in run.ordinals("trades"):
        after.trades += 1
        if after.trades % 2 == 0:
            run.emit("md.bars", ordinal, trades=after.trades)
    return after


def test_an_operator_can_be_added_without_touching_the_core() -> None:
    """What it emits on a quiet run counts once, at its frame, whether or not another operator refuses the run."""
    log = Log()
    for one in (1, 2, 3, 5, 6, 7):
        log.put("trades", trade(one))
    from agents._symbol import operators

    chain = (*operators(), Operator("count", 90, Counted, count_step, count_quiet))
    made = []
    for size in (1, 2, 6):
        one_core = core(chain=chain)
        found = [one_core.process(log.records[start : start + size]) for start in range(0, 6, size)]
        made.append(rows(found, "md.bars", "raw_offset", "trades"))
    assert made == [[(1, 2), (3, 4), (5, 6)]] * 3


def recorded(name: str) -> tuple[list[tuple[int, bytes | None, bytes]], dict[str, Any]]:
    """Pack a recording into raw records of up to eight frames of a symbol."""
    market = BINANCE.markets["usdm"]
    expected = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))[name]
    with gzip.open(RECORDINGS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        given = sorted((json.loads(line) for line in lines), key=lambda row: row["t"])
    waiting: dict[str, list[bytes]] = {}
    records: list[tuple[int, bytes | None, bytes]] = []

    def flush(symbol: str) -> None:
        key = f"binance.usdm.{symbol}".encode()
        records.append((len(records), key, encode_raw("binance", "usdm", symbol, "replay", waiting.pop(symbol))))

    for number, row in enumerate(given):
        if row["ev"] not in {"recv", "rest"} or "/depth" not in row.get("url", "/depth"):
            continue
        raw = row["data"].encode()
        if row["ev"] == "rest":
            symbol = row["url"].partition("symbol=")[2].partition("&")[0]
            kind = "book_snapshot"
        else:
            try:
                routed = market.route(raw)
            except ValueError:
                continue
            symbol, kind = routed.symbol, routed.kind
        waiting.setdefault(symbol, []).append(encode_frame(row["conn"], number, row["t"], kind, raw))
        if len(waiting[symbol]) == 8:
            flush(symbol)
    for symbol in list(waiting):
        flush(symbol)
    return records, expected


@needs_recordings
@pytest.mark.parametrize("name", ["binance_usdm_btcusdt_20240808", "binance_usdm_4symbols_20210722"])
def test_a_recording_is_normalized_completely(name: str) -> None:
    """Rows, ids and sums are those of the independent reference; no gap, no repeat, nothing dead, no request."""
    records, expected = recorded(name)
    one = PartitionCore({"binance": BINANCE}, "raw.binance", 0)
    counts: Counter[str] = Counter()
    trades: dict[str, dict[str, Any]] = {}
    for start in range(0, len(records), 701):
        outputs = one.process(records[start : start + 701])
        assert [*outputs.duplicates, *outputs.dead, *outputs.reseeds] == []
        for md in outputs.md:
            counts.update(_counted(md.topic, md.batch))
            if md.topic == "md.trades":
                _add_trades(trades, md.batch)
    for symbol, wanted in expected["trades"].items():
        assert counts.pop(f"md.trades {symbol}") == wanted["rows"]
        assert len(trades[symbol]["ids"]) == wanted["distinct_ids"]
        assert trades[symbol]["size"] == Decimal(wanted["size_sum"])
        assert trades[symbol]["notional"] == Decimal(wanted["notional_sum"])
        assert counts.pop(f"md.quotes {symbol}") == expected["frames"][f"quote {symbol}"]
        assert counts.pop(f"book_deltas {symbol}") == expected["level_rows"][f"book_delta {symbol}"]
        assert counts.pop(f"book_snapshots {symbol}") == expected["level_rows"][f"book_snapshot {symbol}"]
    assert not counts


def _counted(topic: str, batch: Any) -> dict[str, int]:
    kinds = batch.column("kind").cast("string") if topic == "md.book" else topic
    named = pc.binary_join_element_wise(kinds, batch.column("native_symbol").cast("string"), " ")
    return {found["values"]: found["counts"] for found in pc.value_counts(named).to_pylist()}


def _add_trades(trades: dict[str, dict[str, Any]], batch: Any) -> None:
    for symbol in set(batch.column("native_symbol").to_pylist()):
        own = batch.filter(pc.equal(batch.column("native_symbol").cast("string"), symbol))
        sums = trades.setdefault(symbol, {"ids": set(), "size": Decimal(0), "notional": Decimal(0)})
        sums["ids"].update(own.column("trade_id").to_pylist())
        sums["size"] += pc.sum(own.column("size")).as_py()
        sums["notional"] += pc.sum(own.column("notional")).as_py()


def test_a_state_that_holds_a_book_is_large() -> None:
    """The owner writes it less often than those of markets whose levels are not kept."""
    log = Log()
    log.put("trades", trade(9))
    log.add(log.frame("book_snapshot", {"b": [["1", "1"]]}, meta=IN_STREAM), symbol="EF", market="s")
    one = core()
    one.process(log.records)
    assert one.changed() == [("invented.m.AB", False), ("invented.s.EF", True)]


def test_a_state_that_remembers_many_ids_is_large() -> None:
    """From the size it had last, also after a restart: venues with many trades a frame remember thousands of ids."""
    parser = dataclasses.replace(MARKET.parsers["trades"], contiguous=False, ordered=False, recent_max_ids=4096)
    exchange = Exchange("invented", {"m": dataclasses.replace(MARKET, parsers={**MARKET.parsers, "trades": parser})})
    log = Log()
    for first in (0, 10_000):
        log.put("trades", trade(*range(first, first + 2048)))
    first, second = (PartitionCore({"invented": exchange}, RAW_TOPIC, PARTITION) for _ in range(2))
    first.process(log.records[:1])
    assert first.changed() == [("invented.m.AB", False)]
    ((key, offset, state),) = first.dirty()
    assert first.changed() == [("invented.m.AB", True)]
    assert LARGE_STATE_BYTES < len(state) < 2 * LARGE_STATE_BYTES
    second.restore({key: (offset, state)})
    second.process(log.records[1:])
    assert second.changed() == [("invented.m.AB", True)]
