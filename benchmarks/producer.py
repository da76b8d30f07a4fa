"""Measure the producer: frames received to records handed over, without and with a socket.

    python benchmarks/producer.py [--frames 300000] [--symbols 50] [--rounds 5]

Frames are invented: half best bid/offer, a third trades, the rest book deltas of 20 levels.
- `route, check, encode, envelope, produce`: the whole path on frames already in memory; records go to
  librdkafka against its in-process mock broker and are acknowledged.
- `websockets alone`: a loopback server in a process of its own, a client that drops every frame.
- `socket to acknowledged`: the same server, the whole path behind it.

The rounds take turns, so that other load on the machine touches all three; the last lines are medians.
CPU is this process alone, all threads (librdkafka compresses in its own, the mock broker has one), so it
excludes the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import _path  # noqa: F401 - before our packages
import confluent_kafka
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from cryptoflow.config import Kafka, Producer, Settings
from exchanges.binance import USDM
from producers._balance import Balance
from producers._books import Books
from producers._connection import Target, open_connection
from producers._envelope import Envelopes, Lane
from producers._heap import settled_heap
from producers._intake import Intake
from producers._kafka import producer_settings
from producers._policy import Policies
from producers._publisher import Limits, Publisher
from producers._pump import PUMP_S, Pump
from producers._receiver import Hooks, Receiver
from producers._spool import Spool
from producers._watchdog import SilenceLimits, Watchdog

_LIMITS = SilenceLimits(30.0, 30.0, 30.0, 5.0, 120.0)
_BATCH = 2000
WITHOUT, ALONE, WHOLE = "route, check, encode, envelope, produce", "websockets alone", "socket to acknowledged"


def invented_frames(count: int, symbols: int) -> list[bytes]:
    """Make frames of invented values in the form PROTOCOLS 3.3 describes."""
    draw = random.Random(1)
    ids = dict.fromkeys(range(symbols), 1)
    frames = []
    for number in range(count):
        index = draw.randrange(symbols)
        name, low = f"SYM{index:04d}USDT", f"sym{index:04d}usdt"
        kind = number % 6
        if kind < 3:
            text = (
                f'{{"stream":"{low}@bookTicker","data":{{"e":"bookTicker","u":{number},"E":1790000000201,'
                f'"T":1790000000199,"s":"{name}","ps":"{name}","b":"60000.0","B":"4.1","a":"60000.1","A":"2.7","st":1}}}}'
            )
        elif kind < 5:
            text = (
                f'{{"stream":"{low}@aggTrade","data":{{"e":"aggTrade","E":1790000000210,"s":"{name}","a":{number},'
                f'"p":"60000.1","q":"0.250","nq":"0.250","f":{number},"l":{number},"T":1790000000150,"m":false,"st":1}}}}'
            )
        else:
            levels = ",".join(f'["{60000 + n}.{n}","{n}.5"]' for n in range(10))
            before, ids[index] = ids[index], ids[index] + 10
            text = (
                f'{{"stream":"{low}@depth@100ms","data":{{"e":"depthUpdate","E":1790000000250,"T":1790000000246,'
                f'"s":"{name}","ps":"{name}","U":{before + 1},"u":{ids[index]},"pu":{before},"b":[{levels}],'
                f'"a":[{levels}],"st":1}}}}'
            )
        frames.append(text.encode())
    return frames


class HotPath:
    """Wire the hot path as a producer does."""

    def __init__(self, directory: str) -> None:
        """Connect to a mock broker."""
        own = Producer()
        settings = Settings(environment="test", kafka=Kafka(partitions=8), producer=own)
        client = confluent_kafka.Producer(
            {
                **producer_settings(settings),
                "bootstrap.servers": "",
                "test.mock.num.brokers": 1,
                "security.protocol": "plaintext",
            }
        )
        self.balance = Balance()
        spool = Spool(Path(directory), max_bytes=1 << 32, segment_bytes=1 << 24, fsync="off")
        limits = Limits(own.in_flight_max_bytes, own.in_flight_max_records, 60.0, 8_000_000)
        self.publisher = Publisher(
            client, lambda exchange: f"raw.{exchange}", spool, Policies({}, 10), limits, self.balance
        )
        self.envelopes = Envelopes(
            own.envelope_max_frames, own.envelope_max_bytes, own.linger_min_ms, own.linger_max_ms, own.linger_busy_ms
        )
        self.intake = Intake(self.envelopes, self.publisher, self.balance)
        self.pump = Pump(self.intake, self.envelopes, own.records_target_per_s)
        self.books = Books(USDM.book_rules, 0.0)
        lanes: dict[str, Lane] = {}
        hooks = Hooks(
            lambda symbol: lanes.setdefault(symbol, Lane("binance", "usdm", symbol or "_conn", "test")),
            on_book=self._on_book,
        )
        self.receiver = Receiver(USDM, self.intake, Watchdog((), _LIMITS), hooks)

    def _on_book(self, symbol: str, raw: bytes, _received_ns: int) -> None:
        peek = USDM.peek_book(raw)
        self.books.delta(symbol, peek.first, peek.last, peek.prev, 0.0)

    def tick(self) -> None:
        """Do what the pump does."""
        self.pump.tick()

    def finish(self) -> None:
        """Deliver everything."""
        self.intake.flush()
        while not self.publisher.idle:
            self.publisher.pump()
            time.sleep(0.001)


class Timed(NamedTuple):
    """Hold what one run of a path took."""

    wall_s: float
    cpu_s: float
    frames: int

    def line(self, name: str) -> str:
        """Tell it."""
        return (
            f"{name:47s} {self.frames / self.wall_s:8,.0f} frames/s  "
            f"CPU {self.cpu_s / self.frames * 1e6:5.2f} us/frame, {self.frames / self.cpu_s:8,.0f} per CPU second  "
            f"RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:4.0f} MB"
        )


def measured(name: str, frames: int, body: Callable[[], None]) -> Timed:
    """Run and print one line."""
    cpu, wall = time.process_time(), time.perf_counter()
    body()
    timed = Timed(time.perf_counter() - wall, time.process_time() - cpu, frames)
    print(timed.line(name), flush=True)
    return timed


def without_socket(frames: list[bytes]) -> Timed:
    """Run the path on frames in memory."""
    with TemporaryDirectory() as directory:
        path = HotPath(directory)
        warm(path)

        def body() -> None:
            take = path.receiver.take
            for start in range(0, len(frames), _BATCH):
                for raw in frames[start : start + _BATCH]:
                    take(raw)
                path.tick()
            path.finish()

        timed = measured(WITHOUT, len(frames), body)
        report(path, len(frames))
        return timed


def warm(path: HotPath) -> None:
    """Let librdkafka learn the topic first."""
    lane = Lane("binance", "usdm", "_conn", "test")
    path.intake.own(lane, "alive", b"{}")
    path.finish()
    path.envelopes.sealed = 0


def report(path: HotPath, frames: int) -> None:
    """Say how full the records were and that all arrived."""
    facts = path.balance.facts()
    print(f"    {frames / max(path.envelopes.sealed, 1):.1f} frames per record; {json.dumps(facts)[:120]}")


def serve_frames(pipe: Pipe, count: int, symbols: int) -> None:
    """Serve the frames to every client, as fast as it takes them."""
    frames = invented_frames(count, symbols)

    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        # Many frames per write, as a busy venue's TCP segments arrive.
        for start in range(0, len(frames), _BATCH):
            out = bytearray()
            for raw in frames[start : start + _BATCH]:
                size = len(raw)
                head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + size.to_bytes(2, "big")
                out += head + raw
            socket.transport.write(bytes(out))
            while socket.transport.get_write_buffer_size() > 1 << 20:  # noqa: ASYNC110 - drain() is not offered here
                await asyncio.sleep(0.0005)
        await socket.wait_closed()

    async def main() -> None:
        async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            pipe.send(server.sockets[0].getsockname()[1])
            await asyncio.get_running_loop().create_future()

    asyncio.run(main())


def alone(port: int, count: int) -> None:
    """Receive with websockets and do nothing."""

    async def main() -> None:
        async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None, max_size=None) as socket:
            await socket.send("go")
            for _ in range(count):
                await socket.recv(decode=False)

    asyncio.run(main())


def with_socket(port: int, count: int, path: HotPath) -> None:
    """Receive with the producer's own connection and publish."""

    async def main() -> None:
        connection = await open_connection(Target.of(f"ws://127.0.0.1:{port}", Producer()))
        await connection.send(b"go")
        reader = asyncio.create_task(connection.read(path.receiver.take, None))
        while path.receiver.frames < count:
            path.tick()
            await asyncio.sleep(PUMP_S)
        reader.cancel()
        await connection.close()

    asyncio.run(main())
    path.finish()


def over_socket(port: int, count: int) -> Timed:
    """Run the whole path on a connection of its own."""
    with TemporaryDirectory() as directory:
        path = HotPath(directory)
        warm(path)
        timed = measured(WHOLE, count, lambda: with_socket(port, count, path))
        report(path, count)
        return timed


def medians(rounds: Sequence[Sequence[Timed]]) -> None:
    """Print the medians of all rounds, wall and CPU time each for itself, and what the path makes of `websockets`."""
    for name, timed in zip((WITHOUT, ALONE, WHOLE), zip(*rounds, strict=True), strict=True):
        wall, cpu = statistics.median(one.wall_s for one in timed), statistics.median(one.cpu_s for one in timed)
        print(Timed(wall, cpu, timed[0].frames).line(f"median: {name}"))
    shares = [alone.wall_s / whole.wall_s for _, alone, whole in rounds]
    cpu_shares = [alone.cpu_s / whole.cpu_s for _, alone, whole in rounds]
    print(
        f"median: of websockets alone in the same round: {statistics.median(shares):.0%} by wall time, "
        f"{statistics.median(cpu_shares):.0%} by CPU time"
    )


def _round(frames: list[bytes], port: int) -> tuple[Timed, Timed, Timed]:
    count = len(frames)
    return without_socket(frames), measured(ALONE, count, lambda: alone(port, count)), over_socket(port, count)


def main() -> None:
    """Run all three, so many times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300_000)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    frames = invented_frames(asked.frames, asked.symbols)
    print(f"{asked.frames:,} frames of {sum(map(len, frames)) / len(frames):.0f} bytes, {asked.symbols} symbols")
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve_frames, args=(there, asked.frames, asked.symbols), daemon=True)
    server.start()
    port = here.recv()
    with settled_heap():
        medians([_round(frames, port) for _ in range(asked.rounds)])
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
