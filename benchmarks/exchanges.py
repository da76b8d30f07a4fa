"""Time what venues cost: route and parse per market on its recording, and the producer's path by symbols.

    python benchmarks/exchanges.py [--repeat 5] [--frames 300000] [--no-sockets]

- `route`: frame -> symbol and kind, every frame of the recording one by one, as the producer does.
- `parse`: the parts of each kind decoded and appended to columns in batches, and the columns built.
- sockets: `benchmarks/producer.py`'s loopback server with 1, 50 and 500 symbols: `websockets` alone,
  and the whole path to acknowledged records behind it, in turns, `--repeat` times.

Medians of `--repeat` runs in one process. Markets without a recording are timed on their golden
frames of invented values, repeated; the table says so. CPU time of this process, all threads.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # the folder of this script would hide the package of its name

from exchanges import CONTROL, Exchange, Market, Part, Routed, RouteError  # noqa: E402 - after the path
from schemas import Columns, topic_of  # noqa: E402
from schemas._registry import load  # noqa: E402

RECORDINGS = ROOT.parent / "shared" / "recordings"
GOLDEN = ROOT / "tests" / "golden"
GOLDEN_FRAMES = 20_000
PARSE_BATCH = 500
NS = 1_000_000_000

OF_MARKET = {
    "binance_spot": ("binance_spot_", ""),
    "binance_usdm": ("binance_usdm_btcusdt", ""),
    "bybit_linear": ("bybit_", "/linear"),
    "bybit_spot": ("bybit_", "/spot"),
    "okx_swap": ("okx_", ""),
    "coinbase_spot": ("coinbase_", ""),
    "kraken_spot": ("kraken_spot_", ""),
    "kraken_futures": ("kraken_futures_", ""),
}
"""Which recording shows a market: how its file begins, and what the connection's URL contains."""


@dataclass(frozen=True)
class Sample:
    """Hold the frames of one market, and where they are from."""

    name: str
    market: Market
    frames: list[bytes]
    source: str


def samples() -> Iterator[Sample]:
    """Yield every market with its frames."""
    exchanges: dict[str, Exchange] = load("exchanges", "EXCHANGE")
    for name, exchange in exchanges.items():
        for key, market in exchange.markets.items():
            yield _sample(f"{name}_{key}", market)


def _sample(name: str, market: Market) -> Sample:
    begins, url = OF_MARKET.get(name, ("", ""))
    path = next(iter(sorted(RECORDINGS.glob(f"{begins}*.jsonl.gz"))), None) if begins else None
    if path is None:
        frames = [
            frame
            for kind in sorted(market.parsers)
            if (GOLDEN / name / f"{kind}.jsonl").exists()
            for frame in (GOLDEN / name / f"{kind}.jsonl").read_bytes().splitlines()
            if _parts(market, frame)
        ]
        return Sample(name, market, frames * (GOLDEN_FRAMES // max(len(frames), 1)), "golden frames")
    with gzip.open(path, "rb") as lines:
        rows = [json.loads(line) for line in lines]
    conns = {row["conn"] for row in rows if row["ev"] == "open" and url in row["url"]}
    frames = [row["data"].encode() for row in rows if row["ev"] == "recv" and row["conn"] in conns]
    return Sample(name, market.at(rows[0]["t"]), frames, path.name.removesuffix(".jsonl.gz"))


def _parts(market: Market, frame: bytes) -> tuple[Part, ...]:
    try:
        routed: Routed = market.route(frame)
    except RouteError:
        return ()
    if routed.kind == CONTROL:
        return ()
    return routed.parts or (Part(routed.kind, routed.symbol, routed.stream, frame),)


def seconds(body: Callable[[], object], repeat: int) -> float:
    """Return the median CPU seconds of a body."""
    taken = []
    for _ in range(repeat):
        gc.collect()
        began = time.process_time()
        body()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def route_all(sample: Sample) -> int:
    """Route every frame; frames of channels that are not ours count too."""
    route, failed = sample.market.route, 0
    for frame in sample.frames:
        try:
            route(frame)
        except RouteError:
            failed += 1
    return failed


def parse_all(market: Market, by_kind: dict[str, list[bytes]]) -> int:
    """Decode and append everything in batches; return the rows."""
    rows = 0
    for kind, raws in by_kind.items():
        parser = market.parsers[kind]
        decode = msgspec.json.Decoder(list[parser.message]).decode
        for start in range(0, len(raws), PARSE_BATCH):
            batch = raws[start : start + PARSE_BATCH]
            columns = Columns(topic_of(parser.record))
            parser.append(decode(b"[%b]" % b",".join(batch)), range(len(batch)), columns)
            built, bad = columns.build()
            if bad:
                raise SystemExit(f"parsing {kind}: {bad[0]}")
            rows += built.num_rows
    return rows


def venues(repeat: int) -> None:
    """Print one line per market."""
    print(
        "| market | frames of | frames | bytes/frame | route µs | route frames/s | parse µs | parse frames/s | rows/s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for sample in samples():
        by_kind: dict[str, list[bytes]] = {}
        for frame in sample.frames:
            for part in _parts(sample.market, frame):
                by_kind.setdefault(part.kind, []).append(part.raw)
        parsed = sum(map(len, by_kind.values()))
        if not parsed:
            continue
        routing = seconds(lambda sample=sample: route_all(sample), repeat)
        rows = parse_all(sample.market, by_kind)
        parsing = seconds(lambda sample=sample, by_kind=by_kind: parse_all(sample.market, by_kind), repeat)
        count = len(sample.frames)
        print(
            f"| {sample.name} | {sample.source} | {count:,} | {sum(map(len, sample.frames)) / count:,.0f} "
            f"| {routing / count * 1e6:.2f} | {count / routing:,.0f} | {parsing / parsed * 1e6:.2f} "
            f"| {parsed / parsing:,.0f} | {rows / parsing:,.0f} |",
            flush=True,
        )


def sockets(frames: int, repeat: int) -> None:
    """Run the producer's benchmark in a process of its own per number of symbols."""
    for symbols in (1, 50, 500):
        print(f"\n{symbols} symbols", flush=True)
        command = [sys.executable, str(ROOT / "benchmarks" / "producer.py")]
        asked = ["--frames", str(frames), "--symbols", str(symbols), "--rounds", str(repeat)]
        subprocess.run([*command, *asked], check=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300_000)
    parser.add_argument("--no-sockets", action="store_true")
    asked = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    venues(asked.repeat)
    if not asked.no_sockets:
        sockets(asked.frames, asked.repeat)


if __name__ == "__main__":
    main()
