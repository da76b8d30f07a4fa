"""A recorder without faults of its own: what a correct pipeline would put into the tables."""

from __future__ import annotations

import base64
import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cryptoflow.simulator import SimulatorOptions
from cryptoflow.simulator._garbage import spoil
from cryptoflow.simulator.generate import GeneratedMarket
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.outlet import Armed, Outlet
from cryptoflow.simulator.venues.binance_usdm import VENUE
from cryptoflow.verify import Report, compare
from cryptoflow.verify.tables import columns_of

DECIMAL = pa.decimal128(38, 18)
_D, _I, _S = DECIMAL, pa.int64(), pa.string()
SCHEMAS = {
    "trades": {"trade_id": _S, "price": _D, "size": _D, "base_size": _D, "notional": _D, "side": _S, "count": _I},
    "quotes": {"bid_price": _D, "bid_size": _D, "ask_price": _D, "ask_size": _D, "update_id": _I},
    "book_deltas": {
        "side": _S, "price": _D, "size": _D, "level": pa.int32(), "first_update_id": _I, "last_update_id": _I,
        "prev_update_id": _I,
    },
    "book_snapshots": {"side": _S, "price": _D, "size": _D, "level": pa.int32(), "last_update_id": _I},
    "funding": {"mark_price": _D, "index_price": _D, "settle_price": _D, "funding_rate": _D, "next_funding_ns": _I},
    "liquidations": {
        "price": _D, "average_price": _D, "size": _D, "filled_size": _D, "base_size": _D, "side": _S, "position": _S,
    },
    "gaps": {
        "gap_id": _S, "revision": pa.int32(), "stream": _S, "cause": _S, "from_ns": _I, "to_ns": _I, "from_id": _I,
        "to_id": _I, "ids_missing": _I, "resolved_by": _S,
    },
    "dead_letters": {"payload_b64": _S},
}  # fmt: skip
_COMMON = {
    "exchange": _S,
    "market": _S,
    "conn": _S,
    "frame_no": _I,
    "native_symbol": _S,
    "exchange_ns": _I,
    "received_ns": _I,
    "source": _S,
}
MS = 1_000_000


MARKET = "binance.usdm"


class Listener:
    """Stand in for the hub: everybody listens, and what is put is received a millisecond later."""

    def __init__(self, recorder: Recorder, streams: list[str]) -> None:
        """Listen to streams."""
        self.recorder = recorder
        self.asked = set(streams)
        self.routes = {stream: [1] for stream in streams}
        self.why: dict[str, bytes] = {}
        self.frames_sent = 0
        self.newest = b""

    def put(self, stream: str, payload: bytes, opcode: int = 0) -> bytes:
        """Receive a frame."""
        del opcode
        if stream not in self.routes:
            return b""
        self.newest = payload
        self.recorder.receive(payload)
        return b"1"

    def repeat(self, stream: str) -> bytes:
        """Receive the newest frame once more."""
        del stream
        self.recorder.receive(self.newest)
        return b"1"

    def skip(self, stream: str) -> None:
        """Count nothing."""

    def spoil(self, stream: str, garble: Callable[[bytes], tuple[bytes, int]], payload: bytes) -> tuple[bytes, bytes]:
        """Receive garbage."""
        del stream
        sent = garble(payload)[0]
        self.recorder.receive(sent)
        return b"1", sent

    async def flush(self) -> None:
        """Nothing waits."""


@dataclass
class Recorder:
    """Turn payloads into rows, dropping what it has already."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    now_ns: int = 0
    seen: set[tuple[Any, ...]] = field(default_factory=set)

    def receive(self, payload: bytes) -> None:
        """Make rows of a frame, or a dead letter."""
        self.now_ns += MS
        try:
            data = json.loads(payload)["data"]
            made = list(self._rows(data))
        except (ValueError, KeyError, RecursionError, ArithmeticError):
            letter = {"native_symbol": "_conn", "payload_b64": base64.b64encode(payload).decode()}
            self.rows["dead_letters"].append({**letter, "exchange_ns": None, "received_ns": self.now_ns})
            return
        key = (
            data["e"],
            data.get("s"),
            data.get("a") if data["e"] == "aggTrade" else data.get("u", data["E"]),
            str(data.get("o")),
        )
        if key in self.seen:
            return
        self.seen.add(key)
        for table, row in made:
            self.rows[table].append({**row, "received_ns": self.now_ns})

    def _rows(self, data: dict[str, Any]) -> Any:
        kind = data["e"]
        if kind == "aggTrade":
            price, size = _decimal(data["p"]), _decimal(data["q"])
            yield "trades", {
                "native_symbol": data["s"], "exchange_ns": data["T"] * MS, "trade_id": str(data["a"]), "price": price,
                "size": size, "base_size": size, "notional": price * size, "side": "sell" if data["m"] else "buy",
                "count": data["l"] - data["f"] + 1,
            }  # fmt: skip
        elif kind == "bookTicker":
            yield "quotes", {
                "native_symbol": data["s"], "exchange_ns": data["T"] * MS, "bid_price": _decimal(data["b"]),
                "bid_size": _decimal(data["B"]), "ask_price": _decimal(data["a"]), "ask_size": _decimal(data["A"]),
                "update_id": data["u"],
            }  # fmt: skip
        elif kind == "depthUpdate":
            ids = {"first_update_id": data["U"], "last_update_id": data["u"], "prev_update_id": data["pu"]}
            common = {"native_symbol": data["s"], "exchange_ns": data["T"] * MS, **ids}
            for side, levels in (("bid", data["b"]), ("ask", data["a"])):
                for level, (price, size) in enumerate(levels):
                    own = {"side": side, "level": level, "price": _decimal(price), "size": _decimal(size)}
                    yield "book_deltas", {**common, **own}
        elif kind == "markPriceUpdate":
            yield "funding", {
                "native_symbol": data["s"], "exchange_ns": data["E"] * MS, "mark_price": _decimal(data["p"]),
                "index_price": _decimal(data["i"]), "settle_price": _decimal(data["P"]),
                "funding_rate": Decimal(data["r"]), "next_funding_ns": data["T"] * MS,
            }  # fmt: skip
        else:
            order = data["o"]
            size = _decimal(order["q"])
            yield "liquidations", {
                "native_symbol": order["s"], "exchange_ns": order["T"] * MS, "price": _decimal(order["p"]),
                "average_price": _decimal(order["ap"]), "size": size, "filled_size": _decimal(order["z"]),
                "base_size": size, "side": order["S"].lower(),
                "position": "long" if order["S"] == "SELL" else "short",
            }  # fmt: skip


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if value < 0 or value > Decimal(10) ** 19:
        raise ValueError(text)
    return value


class Session:
    """Make a short run: frames through the real outlet and ledger, rows by the recorder, gaps by hand."""

    def __init__(self, data_dir: Path) -> None:
        """Start a market of two symbols."""
        options = SimulatorOptions(data_dir=data_dir, markets=(MARKET,), symbols=2, seed=7, start_ms=1_790_000_000_000)
        self.market = GeneratedMarket(options)
        self.symbols = [listing.symbol for listing in self.market.listings(MARKET)]
        self.recorder = Recorder(now_ns=1_790_000_000_000 * MS)
        self.ledger = Ledger(data_dir)
        self.hub = Listener(self.recorder, self.market.expected)
        self.outlet = Outlet(self.hub, self.ledger)  # type: ignore[arg-type]

    def play(self, frames: int = 400) -> None:
        """Offer frames of the market."""
        for stream, payload in self.market.batch(frames):
            self.outlet.offer(stream, payload)

    def arm(self, stream: str, fault: str, count: int = 1, variant: str = "") -> None:
        """Let the next frames of a stream meet a fault."""
        garble = None
        if variant:
            garble = functools.partial(spoil, variant=variant, numbers=VENUE.number_pattern, fields=VENUE.field_pattern)
        self.outlet.armed[f"{MARKET} {stream}"] = Armed(fault, count, variant, garble=garble)

    @property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by table, to be tampered with."""
        return self.recorder.rows

    def declare(self, symbol: str, stream: str, from_ns: int, to_ns: int | None, **told: Any) -> dict[str, Any]:
        """Add a gap row."""
        row = {
            "native_symbol": symbol, "stream": stream, "gap_id": f"g{len(self.rows['gaps'])}", "revision": 1,
            "cause": "sequence", "from_ns": from_ns, "to_ns": to_ns, "received_ns": from_ns, "exchange_ns": None,
            **told,
        }  # fmt: skip
        self.rows["gaps"].append(row)
        return row

    def table(self, name: str) -> pa.Table:
        """Return a table."""
        schema = pa.schema(list({**_COMMON, **SCHEMAS[name]}.items()))
        common = {"exchange": "binance", "market": "usdm", "conn": "c", "frame_no": 0, "source": "test"}
        return pa.Table.from_pylist([{**common, **row} for row in self.rows[name]], schema=schema)

    def read(self, name: str) -> pa.Table:
        """Return a table with the columns a comparison asks for; those no frame here has are null."""
        table = self.table(name)
        for column in columns_of(name):
            if column not in table.column_names:
                table = table.append_column(column, pa.nulls(len(table), pa.string()))
        return table

    def compare(self) -> Report:
        """Compare ledger and tables."""
        self.ledger.flush()
        return compare([self.ledger.path], self.read)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Give a session in which nothing has happened."""
    made = Session(tmp_path)
    yield made
    made.ledger.close()


@pytest.fixture
def gap_around() -> Callable[..., dict[str, Any]]:
    """Declare, as a correct pipeline would, the only hole in the ids of a stream."""
    return _gap_around


def _gap_around(session: Session, table: str, symbol: str, **told: Any) -> dict[str, Any]:
    rows = [row for row in session.rows[table] if row["native_symbol"] == symbol]
    for before, after in pairwise(rows):
        if table == "trades" and int(after["trade_id"]) > int(before["trade_id"]) + 1:
            first, last = int(before["trade_id"]) + 1, int(after["trade_id"]) - 1
            break
        if table == "book_deltas" and after["prev_update_id"] not in {
            before["last_update_id"],
            before["prev_update_id"],
        }:
            first, last = before["last_update_id"] + 1, after["prev_update_id"]
            break
    else:
        raise AssertionError("no hole")
    ids = {"from_id": first, "to_id": last, "ids_missing": last - first + 1}
    stream = "trades" if table == "trades" else "book"
    return session.declare(symbol, stream, before["received_ns"], after["received_ns"], **{**ids, **told})
