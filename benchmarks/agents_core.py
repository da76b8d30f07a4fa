"""Time the composed core alone: raw records in, Arrow batches out, no Kafka, no Faust.

Data: the real Binance USD-M recording when it is present, else generated frames of invented values.
Command: `.venv/bin/python benchmarks/agents_core.py [--frames-per-record 8] [--symbols 1] [--profile]`.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import gzip
import json
import os
import platform
import pstats
import time
from pathlib import Path

import _path  # noqa: F401 - before our packages

from agents._core import PartitionCore
from exchanges.binance import EXCHANGE
from schemas import RawRecord, decode_raw, encode_frame, encode_raw

RECORDING = Path(__file__).resolve().parents[2] / "shared" / "recordings" / "binance_usdm_btcusdt_20240808.jsonl.gz"
GENERATED_FRAMES = 90_000
START_NS = 1_790_000_000_000_000_000
MARKET = EXCHANGE.markets["usdm"]


def recorded() -> list[bytes]:
    """Return the frames of the recording as envelope frames, the REST book where it was received."""
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = sorted((row for row in rows if row["ev"] in {"recv", "rest"}), key=lambda row: row["t"])
    frames = []
    for number, row in enumerate(rows):
        raw = row["data"].encode()
        if row["ev"] == "rest":
            meta: dict[str, str | int] = {"requested_ns": row["t"], "reason": "subscribe"}
            frames.append(encode_frame("rest", number, row["t"], "book_snapshot", raw, meta=meta))
        else:
            frames.append(encode_frame("conn", number, row["t"], MARKET.route(raw).kind, raw))
    return frames


def generated(count: int) -> list[bytes]:
    """Return invented quotes, trades and book deltas in the proportions of a busy symbol."""
    book = b'{"lastUpdateId":0,"bids":[],"asks":[]}'
    meta: dict[str, str | int] = {"requested_ns": START_NS, "reason": "subscribe"}
    frames = [encode_frame("rest", 0, START_NS, "book_snapshot", book, meta=meta)]
    for n in range(count):
        t = START_NS + n * 3_000_000
        ms = t // 1_000_000
        price = f"60{n % 997:03d}.{n % 10}0"
        if n % 14 == 0:
            levels = ",".join(f'["60{(n + i) % 997:03d}.{i % 10}0","{i % 7}.{n % 1000:03d}"]' for i in range(34))
            kind, stream = "book", "depth@100ms"
            data = f'"e":"depthUpdate","E":{ms},"T":{ms},"s":"AAAUSDT","U":{n + 1},"u":{n + 14},"pu":{n}'
            data += f',"b":[{levels}],"a":[{levels}]'
        elif n % 5 == 0:
            kind, stream = "trades", "trade"
            data = f'"e":"trade","E":{ms},"T":{ms},"s":"AAAUSDT","t":{n // 5 - n // 70},"p":"{price}"'
            data += f',"q":"0.{n % 1000:03d}","X":"MARKET","m":true'
        else:
            kind, stream = "quotes", "bookTicker"
            data = f'"e":"bookTicker","u":{n},"s":"AAAUSDT","b":"{price}","B":"1.{n % 1000:03d}"'
            data += f',"a":"{price}","A":"2.{n % 1000:03d}","T":{ms},"E":{ms}'
        raw = f'{{"stream":"aaausdt@{stream}","data":{{{data}}}}}'.encode()
        frames.append(encode_frame("conn", n, t, kind, raw))
    return frames


def envelopes(frames: list[bytes], symbols: list[str], per_record: int) -> list[tuple[int, bytes, bytes]]:
    """Pack the same frames into raw records of every symbol, their records taking turns."""
    records: list[tuple[int, bytes, bytes]] = []
    for first in range(0, len(frames), per_record):
        for symbol in symbols:
            value = encode_raw("binance", "usdm", symbol, "replay", frames[first : first + per_record])
            records.append((len(records), f"binance.usdm.{symbol}".encode(), value))
    return records


def run(records: list[tuple[int, bytes, bytes]], per_call: int) -> tuple[float, int, int]:
    """Process all records once; return CPU seconds, frames and rows."""
    core = PartitionCore({"binance": EXCHANGE}, "raw.binance", 0)
    gc.collect()
    frames = rows = 0
    begun = time.process_time()
    for first in range(0, len(records), per_call):
        outputs = core.process(records[first : first + per_call])
        frames += outputs.frames
        rows += sum(output.batch.num_rows for output in outputs.md)
    return time.process_time() - begun, frames, rows


def main() -> None:
    """Print frames/s, microseconds per frame, rows/s and the hardware."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames-per-record", type=int, default=8)
    parser.add_argument("--records-per-call", type=int, default=512)
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    real = RECORDING.exists() and options.symbols == 1
    frames = recorded() if real else generated(GENERATED_FRAMES // options.symbols)
    records = envelopes(frames, [f"S{number}USDT" for number in range(options.symbols)], options.frames_per_record)
    example: RawRecord = decode_raw(records[0][2])
    print(f"data: {'recording ' + RECORDING.name if real else 'generated'},", end=" ")
    print(f"{len(frames) * options.symbols} frames of {options.symbols} symbols,", end=" ")
    print(f"{len(example.frames)} per record, {options.records_per_call} records per call")
    print(f"hardware: {os.cpu_count()} cores, {platform.processor() or platform.machine()}, Python", end=" ")
    print(platform.python_version())
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(run, records, options.records_per_call)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    results = [run(records, options.records_per_call) for _ in range(options.rounds)]
    best, count, rows = min(results)
    worst = max(results)[0]
    print(f"best of {options.rounds}: {count / best:,.0f} frames/s, {best / count * 1e6:.2f} us/frame CPU,", end=" ")
    print(f"{rows / best:,.0f} rows/s; worst {count / worst:,.0f} frames/s")


if __name__ == "__main__":
    main()
