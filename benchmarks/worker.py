"""Measure how fast the worker carries raw records into md topics, checkpoints on, and what a frame costs.

Path: real Kafka broker (raw topic, preloaded) → `faust -A cryptoflow worker` → md topics, states and
barriers. CPU is that of the worker process alone, all its threads, from its first barrier to the last;
wall time shares the machine's cores with the broker. Against: a plain Faust agent that counts records
with one frame each.

Command: `.venv/bin/python benchmarks/worker.py [--data quotes|mixed|recording] [--frames 800000] [--plain]`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
from agents_core import RECORDING, generated, recorded
from confluent_kafka import TopicPartition

from agents._log import KafkaLog
from cryptoflow import topics
from cryptoflow.config import Settings
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.supervise import Child, Supervisor
from schemas import MdHeader, encode_frame, encode_raw
from schemas import topics as md_topics

START_NS = 1_790_000_000_000_000_000
PARTITIONS = 4
TIMEOUT_S = 600.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

PLAIN = """
import os, faust

import _path  # noqa: F401 - before our packages
app = faust.App("plain", broker="kafka://" + os.environ["BOOTSTRAP"], value_serializer="raw", key_serializer="raw",
    topic_allow_declare=False, topic_disable_leader=True, stream_buffer_maxsize=65536, store="memory://")
topic = app.topic("raw.binance", value_type=bytes)
done = 0
@app.agent(topic)
async def count(stream):
    global done
    async for value in stream:
        done += 1
@app.timer(0.5)
async def tell():
    print(f"DONE {done} END", flush=True)
"""


def quotes(symbol: str, count: int) -> list[bytes]:
    """Return invented bookTicker frames of one symbol."""
    frames = []
    for n in range(count):
        t = START_NS + n * 3_000_000
        ms = t // 1_000_000
        price = f"60{n % 997:03d}.{n % 10}0"
        data = f'"e":"bookTicker","u":{n},"s":"{symbol}","b":"{price}","B":"1.{n % 1000:03d}"'
        data += f',"a":"{price}","A":"2.{n % 1000:03d}","T":{ms},"E":{ms}'
        raw = f'{{"stream":"{symbol.lower()}@bookTicker","data":{{{data}}}}}'.encode()
        frames.append(encode_frame("conn", n, t, "quotes", raw))
    return frames


def records(data: str, frames: int, symbols: int, per_record: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of raw records, symbols in turn."""
    if data == "recording":
        found = recorded()
        # The same session once per invented symbol: a repeat of the symbol itself would be dropped as such.
        names = [f"R{n:02d}USDT" for n in range(max(1, frames // len(found)))]
        sources = {
            name: [f.replace(b"BTCUSDT", name.encode()).replace(b"btcusdt", name.lower().encode()) for f in found]
            for name in names
        }
    elif data == "mixed":
        sources = {"AAAUSDT": generated()}
    else:
        sources = {f"S{n}USDT": quotes(f"S{n}USDT", frames // symbols) for n in range(symbols)}
    longest = max(len(found) for found in sources.values())
    for first in range(0, longest, per_record):
        for symbol, found in sources.items():
            if first < len(found):
                value = encode_raw("binance", "usdm", symbol, "live", found[first : first + per_record])
                yield f"binance.usdm.{symbol}".encode(), value


def preload(bootstrap: str, topic: str, made: Iterator[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Write the raw topic; return records and bytes."""
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "compression.type": "lz4", "linger.ms": 5}
    )
    count = size = 0
    for key, value in made:
        while True:
            try:
                producer.produce(topic, key=key, value=value)
                break
            except BufferError:
                producer.poll(0.1)
        count += 1
        size += len(value)
    producer.flush()
    return count, size


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def barriers(seen: dict[int, int], consumer: confluent_kafka.Consumer) -> None:
    """Take note of the barriers told since the last call, per partition."""
    for message in consumer.consume(1000, 0.1):
        if message.error() is None and message.key().startswith(b"b|") and message.value():
            seen[message.partition()] = json.loads(message.value())["next"]


def measure(settings: Settings, child: Child, count: int) -> tuple[float, float, float]:
    """Wait until all barriers stand at the end; return seconds, CPU seconds and MB."""
    kafka = settings.kafka
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "bench", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(kafka.state_topic("all"), n, 0) for n in range(PARTITIONS)])
    ends = KafkaLog(kafka, 10).ends([(kafka.raw_topic("binance"), n) for n in range(PARTITIONS)])
    wanted = {number: end for (_, number), end in ends.items() if end}
    seen: dict[int, int] = {}
    begun: tuple[float, float, int] | None = None
    deadline = time.monotonic() + TIMEOUT_S
    while any(seen.get(number, 0) < end for number, end in wanted.items()):
        if time.monotonic() > deadline or not child.alive():
            raise SystemExit(f"the worker did not finish: {child.log_tail()}")
        barriers(seen, consumer)
        if begun is None and any(seen.values()):
            begun = time.monotonic(), cpu_s(child.pid), sum(seen.values())
    consumer.close()
    assert begun is not None
    share = (count - begun[2]) / count
    return (time.monotonic() - begun[0]) / share, (cpu_s(child.pid) - begun[1]) / share, rss_mb(child.pid)


def rows_of(settings: Settings) -> Counter[str]:
    """Count the rows of all md topics from their headers."""
    found: Counter[str] = Counter()
    log = KafkaLog(settings.kafka, 10)
    for name in md_topics():
        topic = settings.kafka.md_topic(name)
        ends = {n: end for (_, n), end in log.ends([(topic, n) for n in range(PARTITIONS)]).items() if end}
        if not ends:
            continue
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": settings.kafka.bootstrap_servers, "group.id": "bench", "enable.partition.eof": True}
        )
        consumer.assign([TopicPartition(topic, n, 0) for n in ends])
        while ends:
            for message in consumer.consume(1000, 0.2):
                if message.error():
                    ends.pop(message.partition(), None)
                else:
                    found[name] += MdHeader.from_kafka(message.headers()).rows
                    found[f"{name} records"] += 1
        consumer.close()
    return found


def plain(bootstrap: str, count: int, supervisor: Supervisor, folder: Path) -> tuple[float, float]:
    """Run a plain Faust agent over one frame per record; return seconds and CPU seconds."""
    (folder / "plain_app.py").write_text(PLAIN, "utf-8")
    command = [sys.executable, "-m", "faust", "-A", "plain_app", "worker", "-l", "warn", "--without-web"]
    child = supervisor.start("plain", command, {"BOOTSTRAP": bootstrap, "PYTHONPATH": str(folder)}, folder)
    begun: tuple[float, float, int] | None = None
    done = 0
    deadline = time.monotonic() + TIMEOUT_S
    while done < count and time.monotonic() < deadline and child.alive():
        time.sleep(0.2)
        told = re.findall(r"DONE (\d+) END", child.log.read_text("utf-8"))
        done = int(told[-1]) if told else 0
        if begun is None and done:
            begun = time.monotonic(), cpu_s(child.pid), done
    assert begun is not None, child.log_tail()
    share = (done - begun[2]) / done
    result = (time.monotonic() - begun[0]) / share, (cpu_s(child.pid) - begun[1]) / share
    child.stop()
    return result


def paced(settings: Settings, child: Child, made: Iterator[tuple[bytes, bytes]], records_per_s: float) -> list[float]:
    """Write records at a rate and read them from md.quotes; return seconds from produce to readable, sorted."""
    bootstrap = settings.kafka.bootstrap_servers
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "bench", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5}
    )
    consumer.assign([TopicPartition(settings.kafka.md_topic("md.quotes"), n, 0) for n in range(PARTITIONS)])
    state = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    state.assign([TopicPartition(settings.kafka.state_topic("all"), n, 0) for n in range(PARTITIONS)])
    owned: dict[int, int] = {}
    while len(owned) < PARTITIONS:
        assert child.alive(), child.log_tail()
        barriers(owned, state)
    state.close()
    sent: dict[tuple[int, int], float] = {}
    done = threading.Event()

    def write() -> None:
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0}
        )
        begun = time.monotonic()
        for number, (key, value) in enumerate(made):
            while (early := begun + number / records_per_s - time.monotonic()) > 0:
                producer.poll(early)
            at = time.monotonic()
            producer.produce(
                "raw.binance",
                key=key,
                value=value,
                on_delivery=lambda _, message, at=at: sent.update({(message.partition(), message.offset()): at}),
            )
        producer.flush()
        done.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    seen: dict[tuple[int, int], float] = {}
    quiet_since = time.monotonic()
    while not done.is_set() or time.monotonic() - quiet_since < 3:
        for message in consumer.consume(100, 0.005):
            header = MdHeader.from_kafka(message.headers())
            quiet_since = time.monotonic()
            for offset in range(header.first, header.last + 1):
                seen.setdefault((header.raw_partition, offset), quiet_since)
    consumer.close()
    assert child.alive(), child.log_tail()
    return sorted(seen[where] - at for where, at in sent.items() if where in seen)


def main() -> None:
    """Run one measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("quotes", "mixed", "recording"), default="quotes")
    parser.add_argument("--frames", type=int, default=800_000)
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--frames-per-record", type=int, default=8)
    parser.add_argument("--plain", action="store_true", help="measure plain Faust with one frame per record instead")
    parser.add_argument("--rate", type=int, default=0, help="measure latency at this many frames/s instead")
    parser.add_argument("--profile", default="", help="write a cProfile of the worker's main thread here")
    options = parser.parse_args()
    if options.data == "recording" and not RECORDING.exists():
        raise SystemExit("recordings not present at ../shared/recordings")
    with tempfile.TemporaryDirectory() as name:
        supervisor = Supervisor(Path(name) / "logs")
        try:
            run(options, supervisor, Path(name))
        finally:
            supervisor.stop()


def run(options: argparse.Namespace, supervisor: Supervisor, folder: Path) -> None:
    """Start broker and worker in a folder, measure what was asked for, print it."""
    broker = KafkaBroker(folder / "kafka", supervisor, heap_mib=1024)
    broker.start()
    kafka = {"bootstrap_servers": broker.bootstrap_servers, "partitions": PARTITIONS}
    settings = Settings.model_validate({"environment": "test", "kafka": kafka})
    topics.apply(settings)
    per_record = 1 if options.plain else options.frames_per_record
    made = records(options.data, options.frames, options.symbols, per_record)
    env = {"CRYPTOFLOW_ENVIRONMENT": "test", "CRYPTOFLOW_KAFKA": json.dumps(kafka)}
    command = [str(Path(sys.executable).parent / "faust"), "-A", "cryptoflow", "worker", "-l", "info"]
    if options.rate:
        child = supervisor.start("worker", command, env, folder)
        delays = paced(settings, child, made, options.rate / per_record)
        told = ", ".join(f"p{p} {delays[int(len(delays) * p / 100) - 1] * 1e3:.1f} ms" for p in (50, 90, 99))
        print(f"latency, produced to readable in md.quotes, {options.rate} frames/s of {per_record}: {told}")
        return
    count, size = preload(broker.bootstrap_servers, "raw.binance", made)
    print(f"data: {options.data}, {count} records of {per_record} frames, {size / 1e6:.0f} MB;", end=" ")
    print(f"{os.cpu_count()} cores shared with the broker, Python {platform.python_version()}")
    if options.plain:
        wall, cpu = plain(broker.bootstrap_servers, count, supervisor, folder)
        print(f"plain Faust: {count / wall:,.0f} frames/s, {cpu / count * 1e6:.2f} us CPU per frame")
        return
    if options.profile:
        command = [sys.executable, "-m", "cProfile", "-o", options.profile, "-m", "faust", *command[1:]]
    child = supervisor.start("worker", command, env, folder)
    wall, cpu, memory = measure(settings, child, count)
    frames = count * per_record
    print(f"worker: {frames / wall:,.0f} frames/s, {cpu / frames * 1e6:.2f} us CPU per frame,", end=" ")
    print(f"{frames / cpu:,.0f} frames per CPU second, {memory:.0f} MB RSS at most")
    child.stop()
    print(", ".join(f"{name} {rows}" for name, rows in rows_of(settings).items()))


if __name__ == "__main__":
    main()
