"""Measure how fast the Iceberg sink carries md topics into committed Parquet, and what a row costs.

Path: real Kafka broker (md topics) → sink process → Iceberg tables (SQL catalog and files by default,
the S3 Tables stand-in with `--catalog s3tables`). CPU is that of the sink process alone, all its
threads, from the first record to the last commit. Against: `pyiceberg table.append` of the same rows
decoded in memory, unpartitioned and unsorted, one append per flush.

Command: `.venv/bin/python benchmarks/sink.py [--rows 4000000] [--rows-per-record 1000] [--catalog sql|s3tables]`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _path  # noqa: F401 - before our packages
import pyarrow as pa
from agents_core import RECORDING, envelopes, recorded
from confluent_kafka import Producer

from agents._core import PartitionCore
from cryptoflow import topics
from cryptoflow.config import Settings, load
from cryptoflow.localstack import LocalStack
from exchanges.binance import EXCHANGE
from schemas import MdHeader, Topic, Type, decode_md, encode_md
from schemas import records as record_kinds
from schemas import topics as md_topics
from sinks._sink import SinkFacts
from sinks.iceberg import SINK
from sinks.iceberg import catalog as ice
from sinks.iceberg.tables import ensure_tables

START_NS = 1_790_000_000_000_000_000
SYMBOLS = 200
LEVELS = 20
"""Changed levels of one generated depth frame."""
FRAMES_PER_RAW = 8
POOL = 400
PARTITIONS = 4
Made = tuple[str, int, int, int, bytes]
"""md topic without prefix, first and last raw offset, rows, encoded batch."""


def generated(rows_per_record: int) -> Iterator[Made]:
    """Yield records of book deltas with invented values: one symbol per frame, prices near its middle."""
    rng = random.Random(7)
    topic = md_topics()["md.book"]
    middle = {n: rng.randrange(1_000, 6_000_000) for n in range(SYMBOLS)}
    frame = 0
    while True:
        places = []
        for _ in range(rows_per_record // LEVELS):
            places += [(frame, level) for level in range(LEVELS)]
            frame += 1
        columns = {f.name: [_cell(f.name, n, level, rng, middle) for n, level in places] for f in topic.fields}
        batch = _batch(topic, columns)
        yield (
            topic.name,
            places[0][0] // FRAMES_PER_RAW,
            (frame - 1) // FRAMES_PER_RAW,
            batch.num_rows,
            encode_md(batch),
        )


def _cell(name: str, frame: int, level: int, rng: random.Random, middle: dict[int, int]) -> Any:
    symbol = frame * 7919 % SYMBOLS
    received = START_NS + frame * 500_000 + frame * 7919 % 400_000
    values = {
        "exchange": "binance",
        "market": "usdm",
        "symbol": f"S{symbol}-USDT-PERP",
        "native_symbol": f"S{symbol}USDT",
        "exchange_ns": (received - 4_000_000) // 1_000_000 * 1_000_000,
        "received_ns": received,
        "source": "test",
        "conn": f"0a1b2c3d-0000-4000-8000-00000000000{symbol % 2}",
        "frame_no": frame,
        "raw_partition": 0,
        "raw_offset": frame // FRAMES_PER_RAW,
        "row_index": frame % FRAMES_PER_RAW * LEVELS + level,
        "kind": "book_deltas",
        "side": "bid" if level < LEVELS // 2 else "ask",
        "level": level % (LEVELS // 2),
        "first_update_id": frame * 60,
        "last_update_id": frame * 60 + 40,
        "prev_update_id": frame * 60 - 1,
    }
    if name == "price":
        cents = middle[symbol] + rng.randrange(-500, 500)
        return f"{cents // 100}.{cents % 100:02d}"
    if name == "size":
        return f"{rng.choice((0, rng.randrange(100), rng.randrange(5_000)))}e-3"
    return values.get(name)


def _batch(topic: Topic, columns: dict[str, list[Any]]) -> pa.RecordBatch:
    arrays = []
    for field in topic.fields:
        text = field.type in {Type.DECIMAL, Type.SYMBOLIC}
        array = pa.array(columns[field.name], pa.string() if text else field.wire_type)
        arrays.append(array.dictionary_encode() if field.type is Type.SYMBOLIC else array.cast(field.wire_type))
    return pa.RecordBatch.from_arrays(arrays, schema=topic.schema)


def real() -> Iterator[Made]:
    """Yield what the worker makes of the recording, again and again with later raw offsets."""
    raw = envelopes(recorded(), "BTCUSDT", FRAMES_PER_RAW)
    core = PartitionCore({"binance": EXCHANGE}, "raw.binance", 0)
    made = []
    for first in range(0, len(raw), 64):
        made += [(output.topic, output.batch) for output in core.process(raw[first : first + 64]).md]
    turn = 0
    while True:
        shift = turn * len(raw)
        for topic, batch in made:
            at = batch.schema.get_field_index("raw_offset")
            offsets = pa.array([offset + shift for offset in batch.column(at).to_pylist()], pa.int64())
            moved = batch.set_column(at, batch.schema.field(at), offsets)
            yield topic, offsets[0].as_py(), offsets[-1].as_py(), batch.num_rows, encode_md(moved)
        turn += 1


def fill(settings: Settings, source: Iterator[Made], rows: int, *, spread: bool) -> int:
    """Write md records until `rows` are reached, over all partitions if `spread`; return the rows written."""
    producer = Producer(settings.kafka.client() | {"linger.ms": 20, "queue.buffering.max.kbytes": 500_000})
    prev: dict[tuple[str, int], int] = {}
    written = 0
    for number, (topic, first, last, count, value) in enumerate(source):
        if written >= rows:
            break
        partition = number % PARTITIONS if spread else 0
        before = prev.get((topic, partition), -1)
        header = MdHeader("raw.binance", partition, first, last, count, before)
        prev[topic, partition] = last
        producer.produce(settings.kafka.md_topic(topic), value, partition=partition, headers=header.to_kafka())
        producer.poll(0)
        written += count
    producer.flush(60)
    return written


def sink_process(rows: int) -> None:
    """Run the sink until it has committed `rows`; print what it used."""
    settings = load()
    stop = threading.Event()
    began: list[float] = []

    def facts(told: SinkFacts) -> None:
        if not told.ready:
            return
        if not began:
            began.extend((time.process_time(), time.monotonic()))
        tables: Any = told.detail["tables"]
        if sum(table["rows_committed"] for table in tables.values()) >= rows:
            stop.set()

    SINK.run(settings, stop, facts)
    cpu_s, wall_s = time.process_time() - began[0], time.monotonic() - began[1]
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "rss_mb": _rss_mb()}))


def append_process(rows: int, rows_per_record: int, folder: str) -> None:
    """Append the same rows with pyiceberg; print what it used."""
    settings = Settings(catalog={"kind": "sql", "uri": f"sqlite:///{folder}/b.db", "warehouse": f"file://{folder}/b"})
    catalog = ice.connect(settings)
    catalog.create_namespace("market_data")
    schema = record_kinds()["book_deltas"].table_schema
    table = catalog.create_table(("market_data", "appended"), schema)
    source = generated(rows_per_record)
    pool = [value for *_, value in (next(source) for _ in range(min(POOL, rows // rows_per_record)))]
    times, done = 0.0, 0
    while done < rows:
        began = time.process_time()
        wire = pa.Table.from_batches([decode_md(value) for value in pool])
        arrays = [
            wire.column(f.name).cast(f.type)
            if f.name in wire.schema.names
            else pa.nulls(wire.num_rows, pa.int64()).fill_null(0).cast(f.type)
            for f in schema
        ]
        table.append(pa.Table.from_arrays(arrays, schema=schema))
        times += time.process_time() - began
        done += wire.num_rows
    size = sum(task.file.file_size_in_bytes for task in table.scan().plan_files())
    print(json.dumps({"cpu_s": times, "rows": done, "rss_mb": _rss_mb(), "bytes_per_row": size / done}))


def _rss_mb() -> int:
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def child(mode: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run this file as a process of its own and read its answer."""
    done = subprocess.run(
        [sys.executable, __file__, *mode], env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure(options: argparse.Namespace, data: str) -> None:
    """Fill a fresh stack and print the figures of one run."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = {"kind": "sql", "uri": f"sqlite:///{folder}/c.db", "warehouse": f"file://{folder}/w"}
        stack = LocalStack(Path(folder) / "stack", kafka={"partitions": PARTITIONS})
        with stack:
            environment = stack.environment()
            if options.catalog == "sql":
                config = json.loads(
                    json.dumps(
                        {
                            "kafka": {
                                "bootstrap_servers": stack.settings.kafka.bootstrap_servers,
                                "partitions": PARTITIONS,
                            },
                            "catalog": catalog,
                            "log_level": "ERROR",
                        }
                    )
                )
                path = Path(folder) / "config.yml"
                path.write_text(json.dumps(config), "utf-8")
                environment = {"CRYPTOFLOW_CONFIG": str(path)}
            settings = load(environment["CRYPTOFLOW_CONFIG"])
            topics.apply(settings)
            ensure_tables(settings)
            source = generated(options.rows_per_record) if data == "generated" else real()
            spread = data == "generated"
            rows = fill(settings, pooled(source) if spread else source, options.rows, spread=spread)
            used = child(
                ["--sink", str(rows)], environment | {"CRYPTOFLOW_SINKS__FLUSH_AGE_S": str(options.flush_age_s)}
            )
            opened = ice.connect(settings)
            summaries = [
                (name, table.current_snapshot().summary.additional_properties)
                for name in record_kinds()
                if (table := opened.load_table((settings.catalog.namespace, name))).current_snapshot()
            ]
    sizes = {
        n: (int(s["total-records"]), int(s["total-files-size"]) / max(1, int(s["total-records"]))) for n, s in summaries
    }
    committed = sum(count for count, _ in sizes.values())
    print(f"{data}: {committed:,} rows, {rows - committed:,} not committed, catalog {options.catalog}")
    print(
        f"  {committed / used['cpu_s']:,.0f} rows/s per core, {used['cpu_s'] / committed * 1e6:.2f} us CPU/row,",
        end=" ",
    )
    print(f"wall {committed / used['wall_s']:,.0f} rows/s, RSS {used['rss_mb']} MB")
    print("  bytes/row: " + ", ".join(f"{n} {b:.2f} ({c:,})" for n, (c, b) in sizes.items() if c))


def pooled(source: Iterator[Made]) -> Iterator[Made]:
    """Repeat the first records under later positions, so that making them does not bound the run."""
    pool = [next(source) for _ in range(POOL)]
    turn = 0
    while True:
        for topic, first, last, count, value in pool:
            shift = turn * (pool[-1][2] + 1)
            yield topic, first + shift, last + shift, count, value
        turn += 1


def main() -> None:
    """Print rows/s per core, CPU per row, RSS, bytes per row and the hardware."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=["generated", "recording"])
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rows-per-record", type=int, default=1_000)
    parser.add_argument("--catalog", choices=["sql", "s3tables"], default="sql")
    parser.add_argument("--flush-age-s", type=float, default=2.0)
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--append", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        sink_process(options.sink)
        return
    if options.append:
        append_process(options.rows, options.rows_per_record, options.append)
        return
    print(f"hardware: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for data in options.data:
        if data == "recording" and not RECORDING.exists():
            print("recording: not present at ../shared/recordings")
            continue
        measure(options, data)
    with tempfile.TemporaryDirectory() as folder:
        used = child(["--append", folder, "--rows", "1000000", "--rows-per-record", str(options.rows_per_record)], {})
    print(f"pyiceberg table.append: {used['rows'] / used['cpu_s']:,.0f} rows/s per core,", end=" ")
    print(f"RSS {used['rss_mb']} MB, {used['bytes_per_row']:.2f} bytes/row")


if __name__ == "__main__":
    main()
