"""Measure the time from a frame's receipt to its rows being readable on an md topic.

Everything runs on this machine: simulator, producer, broker, worker, sink and the reader below. Run it
with `make bench BENCH=latency`, or `python benchmarks/latency.py --rate 5000 --seconds 30`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from cryptoflow.localstack import record
from schemas import decode_md, topics

WARM_UP_S = 5.0
STOP_TIMEOUT_S = 60.0
MD = ("md.trades", "md.quotes", "md.book")


def follow(data_dir: Path, seconds: float) -> list[float]:
    """Read md topics from their end and return one latency per frame, in ms."""
    settings = wait_for_stack(data_dir)
    consumer = Consumer({**settings.kafka.client(), "group.id": "latency", "fetch.wait.max.ms": 5})
    consumer.assign(
        [
            TopicPartition(settings.kafka.md_topic(name), number, OFFSET_END)
            for name in MD
            if name in topics()
            for number in range(settings.kafka.partitions)
        ]
    )
    found: list[float] = []
    first_ns = 0
    while not first_ns or time.time_ns() - first_ns < (WARM_UP_S + seconds) * 1e9:
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        now_ns = time.time_ns()
        first_ns = first_ns or now_ns
        if now_ns - first_ns > WARM_UP_S * 1e9:
            batch = decode_md(message.value())
            frames = set(
                zip(
                    batch.column("conn").to_pylist(),
                    batch.column("frame_no").to_pylist(),
                    batch.column("received_ns").to_pylist(),
                    strict=True,
                )
            )
            found.extend((now_ns - received_ns) / 1e6 for _, _, received_ns in frames)
    consumer.close()
    return found


def wait_for_stack(data_dir: Path, timeout_s: float = 120.0):
    """Wait until the demo's local stack has told where it is."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        stack = record.read(data_dir) if data_dir.exists() else None
        if stack is not None:
            return stack.settings
        time.sleep(0.2)
    raise SystemExit("the local stack did not come up")


def main() -> None:
    """Run the demo beside a reader and print the percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5000, help="frames per second in all")
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "run"
        words = ["demo", "--symbols", str(asked.symbols), "--rate", str(asked.rate), "--data-dir", str(data_dir)]
        demo = subprocess.Popen([sys.executable, "-m", "cryptoflow", *words], stdout=subprocess.DEVNULL)
        try:
            found = sorted(follow(data_dir, asked.seconds))
        finally:
            demo.terminate()
            demo.wait(STOP_TIMEOUT_S)
    print(f"hardware: {platform.machine()}, {os.cpu_count()} cores for all parts, Python {platform.python_version()}")
    print(
        f"frames: {len(found):,} in {asked.seconds:g} s ({len(found) / asked.seconds:,.0f}/s of {asked.rate:,}/s asked)"
    )
    for name, share in (("p50", 0.50), ("p90", 0.90), ("p99", 0.99), ("p99.9", 0.999)):
        print(f"latency {name}: {found[int(len(found) * share)]:.1f} ms")


if __name__ == "__main__":
    main()
