"""Damaged frames of every venue, through the agents' core: no crash, no hang, no value changed silently.

Frames of the recordings, where they are present, and the golden frames are damaged in bytes and in
structure. Whatever still becomes a row must hold numbers that stand in its frame.
CRYPTOFLOW_TEST_FUZZ_FRAMES says how many frames over all markets (CI 50,000; `make fuzz` 1,000,000).
"""

from __future__ import annotations

import gzip
import json
import os
import time
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from frame_fuzzer import FrameFuzzer, numbers_of
from golden import EXCHANGES, GOLDEN, MARKETS

from agents._core import Outputs, PartitionCore
from exchanges import CONTROL, Market, Part, RouteError
from producers._router import is_json
from schemas import Type, encode_frame, encode_raw, topics

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"
FRAMES = int(os.environ.get("CRYPTOFLOW_TEST_FUZZ_FRAMES", "50000"))
SEED = int(os.environ.get("CRYPTOFLOW_TEST_FUZZ_SEED", "1"))
BATCH_FRAMES = 250
FRAME_MAX_BYTES = 16_384
FRAME_MAX_S = 1.0
SEEDS_MAX = 400
"""Whole frames taken of a recording, spread over it."""

START_NS = 1_790_000_000_000_000_000
IDS = frozenset({"trade_id", "update_id", "first_update_id", "last_update_id", "prev_update_id", "checksum"})
DERIVED = frozenset({"base_size", "notional", "contract_value"})
"""Decimals that agents work out from what stands in the frame and in the definition."""

ZERO_BY_RULE = frozenset(
    {
        ("kraken_futures", "md.book", "size"),  # PROTOCOLS 7.2.4: a quantity below 0 deletes
        ("kraken_futures", "md.funding", "funding_rate"),  # PROTOCOLS 7.2.3: a rate of 0 is left out
    }
)
"""Where a rule of the venue makes 0 of what the frame says or leaves out."""


def golden_frames(name: str) -> list[bytes]:
    """Return the golden frames of a market: data, answers, frames with parts."""
    files = sorted((GOLDEN / name).glob("*.jsonl"))
    return [line for file in files for line in file.read_bytes().splitlines() if line]


def recorded_frames(exchange: str, market: Market) -> list[bytes]:
    """Return frames of the recordings that this market can route."""
    found: list[bytes] = []
    hosts = {urlsplit(endpoint.url).hostname for endpoint in market.endpoints}
    for path in sorted(RECORDINGS.glob(f"{exchange}_*.jsonl.gz")):
        with gzip.open(path, "rb") as lines:
            rows = [json.loads(line) for line in lines]
        conns = {row["conn"] for row in rows if row["ev"] == "open" and urlsplit(row["url"]).hostname in hosts}
        frames = [row["data"].encode() for row in rows if row["ev"] == "recv" and row["conn"] in conns]
        frames = [frame for frame in frames if len(frame) <= FRAME_MAX_BYTES]
        found += frames[:: max(1, len(frames) // SEEDS_MAX)]
    return found


def parts(market: Market, frame: bytes) -> tuple[Part, ...]:
    """Route as a producer does: what cannot be routed is a control frame."""
    assert isinstance(market.is_reconnect_notice(frame), bool)
    market.ack(frame)
    try:
        routed = market.route(frame)
    except RouteError:
        return (Part(CONTROL, "_conn", "", frame),)
    if routed.kind == CONTROL:
        return (Part(CONTROL, "_conn", "", frame),)
    return routed.parts or (Part(routed.kind, routed.symbol, routed.stream, frame),)


class CorePath:
    """Send frames of one market through a core, and check what comes out."""

    def __init__(self, name: str) -> None:
        """Start with a core that knows nothing."""
        self.name = name
        self.exchange, _, self.key = name.partition("_")
        self.market = MARKETS[name]
        self.core = PartitionCore(EXCHANGES, f"raw.{self.exchange}", 0)
        self.offset = 0
        self.number = 0
        self.rows = 0
        self.dead = 0

    def send(self, frames: list[bytes]) -> None:
        """Send one batch: a raw record per part."""
        records, sent = [], {}
        for frame in frames:
            self.number += 1
            sent[self.number] = frame
            for ordinal, part in enumerate(parts(self.market, frame)):
                raw = encode_frame(
                    "c", self.number, START_NS + self.number, part.kind, part.raw,
                    valid_json=is_json(part.raw), part=ordinal,
                )  # fmt: skip
                value = encode_raw(self.exchange, self.key, part.symbol, "test", [raw])
                records.append((self.offset, f"{self.exchange}.{self.key}.{part.symbol}".encode(), value))
                self.offset += 1
        began = time.perf_counter()
        outputs = self.core.process(records)
        assert time.perf_counter() - began < FRAME_MAX_S * len(frames)
        self.check(outputs, sent)

    def check(self, outputs: Outputs, sent: dict[int, bytes]) -> None:
        """Hold every row against the numbers of its frame."""
        numbers: dict[int, set[Decimal]] = {}
        for output in outputs.md:
            if output.topic == "md.dead_letters":
                self.dead += output.batch.num_rows
            if output.topic in {"md.gaps", "md.dead_letters", "md.instruments"}:
                continue
            decimals = {field.name for field in topics()[output.topic].fields if field.type is Type.DECIMAL} - DERIVED
            for row in output.batch.to_pylist():
                if row.get("kind") == "gap":
                    continue
                self.rows += 1
                frame = sent[row["frame_no"]]
                if row["frame_no"] not in numbers:
                    numbers[row["frame_no"]] = numbers_of(frame)
                for column in (decimals | IDS) & row.keys():
                    value = row[column]
                    if value is None or (column == "trade_id" and not str(value).isdecimal()):
                        continue
                    if value == 0 and (self.name, output.topic, column) in ZERO_BY_RULE:
                        continue
                    assert Decimal(value) in numbers[row["frame_no"]], (column, value, frame[:2000])


@pytest.mark.parametrize("name", MARKETS)
def test_damaged_frames_crash_nothing_and_change_no_value(name: str) -> None:
    """Every damaged frame is rows made of its own numbers, a dead letter, or an answer nobody asked for."""
    path = CorePath(name)
    whole = golden_frames(name) + recorded_frames(path.exchange, path.market)
    fuzzer = FrameFuzzer(whole, SEED)
    left = FRAMES // len(MARKETS)
    while left > 0:
        path.send(list(fuzzer.draw(min(BATCH_FRAMES, left))))
        left -= BATCH_FRAMES
    assert path.rows > 0
    assert path.dead > 0


def test_a_changed_value_is_noticed() -> None:
    """The check itself: a row whose number does not stand in its frame fails."""
    path = CorePath("binance_usdm")
    frame = golden_frames("binance_usdm")
    trade = next(one for one in frame if b"@aggTrade" in one)
    found = path.core.process(
        [
            (
                0,
                b"binance.usdm.BTCUSDT",
                encode_raw("binance", "usdm", "BTCUSDT", "test", [encode_frame("c", 1, START_NS, "trades", trade)]),
            )
        ]
    )
    with pytest.raises(AssertionError):
        path.check(found, {1: trade.replace(b"0", b"9")})
