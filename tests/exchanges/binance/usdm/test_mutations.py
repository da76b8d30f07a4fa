"""Damaged frames: only documented errors come out, and no value changes silently.

Golden frames are damaged at random. What is still accepted is read a second time by a few lines of
standard library that share nothing with the parsers, and both must say the same.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchanges import Peek, Routed, RouteError
from exchanges.binance import USDM
from schemas import Columns, topic_of

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "binance_usdm"
FRAMES = [
    (kind, frame) for kind in USDM.parsers for frame in (GOLDEN / f"{kind}.jsonl").read_bytes().splitlines() if frame
]
TOKENS = [
    *(b"null", b"true", b"NaN", b"-1", b"-0", b"0", b"1.0", b"1e3", b"1E400", b"9223372036854775808", b"1" * 30, b'""'),
    *(b'"1"', b'"-1"', b'"1e2"', b'"0.10"', b'"1_000"', b'"+1"', b'" 1"', b"[]", b"{}", b'["1","2"]', b'["1"]', b","),
    *(
        b'"',
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\xc3\x28",
        b"\x00",
        b" ",
        b"[" * 2000,
        b'{"a":' * 2000,
        b'"st":2,',
    ),
    *(
        b'"p":"7",',
        b'"e":"trade",',
        b'"u":1,',
        b'"U":9,',
        b'"b":[],',
        b'"s":"X",',
        b'"data":{},',
        b'"o":{},',
        b"}",
        b"]",
    ),
]
Damage = tuple[int, int, bytes]


def damaged(frame: bytes, damages: list[Damage]) -> bytes:
    """Replace a few bytes of a frame, several times."""
    for position, length, token in damages:
        at = position % (len(frame) + 1)
        frame = frame[:at] + token + frame[at + length :]
    return frame


def reference(kind: str, frame: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read a frame with the standard library: the rows it must give, and its payload."""
    body = json.loads(frame.decode("utf-8", "replace"), strict=False, parse_float=lambda text: text)
    data = body if kind in {"book_snapshot", "trades_backfill"} else body["data"]
    events = data if isinstance(data, list) else [data]
    return [row for event in events if event.get("st", 1) != 2 for row in REFERENCE[kind](event)], data


def trade(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a trade of either event."""
    single = data.get("e") == "trade"
    if single and data.get("X", "MARKET") != "MARKET":
        return []
    count = 1 if single else data["l"] - data["f"] + 1
    side = {True: "sell", False: "buy"}[data["m"]]
    row = {"exchange_ns": data["T"] * 10**6, "trade_id": str(data["t" if single else "a"]), "price": data["p"]}
    return [{**row, "size": data["q"], "base_size": data["q"], "side": side, "count": count}]


def quote(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a best bid and ask."""
    prices = {"bid_price": data["b"], "bid_size": data["B"], "ask_price": data["a"], "ask_size": data["A"]}
    return [{"exchange_ns": data["T"] * 10**6, "update_id": data["u"], **prices}]


def levels(common: dict[str, Any], bids: list[Any], asks: list[Any]) -> list[dict[str, Any]]:
    """Map the levels of a book, bids first."""
    return [
        {**common, "side": side, "level": number, "price": price, "size": size}
        for side, entries in (("bid", bids), ("ask", asks))
        for number, (price, size) in enumerate(entries)
    ]


def delta(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a book delta."""
    ids = {"first_update_id": data["U"], "last_update_id": data["u"], "prev_update_id": data["pu"]}
    return levels({"kind": "book_deltas", "exchange_ns": data["T"] * 10**6, **ids}, data["b"], data["a"])


def snapshot(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a REST book."""
    time = {} if data.get("T") is None else {"exchange_ns": data["T"] * 10**6}
    common = {"kind": "book_snapshots", "last_update_id": data["lastUpdateId"], **time}
    return levels(common, data["bids"], data["asks"])


def mark(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a mark price."""
    row = {
        "exchange_ns": data["E"] * 10**6,
        "mark_price": data["p"],
        "index_price": data["i"],
        "settle_price": data["P"],
    }
    rate = {"funding_rate": data["r"]} if data["r"] else {}
    return [{**row, **rate, **({"next_funding_ns": data["T"] * 10**6} if data["T"] else {})}]


def liquidation(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Map a liquidation."""
    order = data["o"]
    side, position = {"SELL": ("sell", "long"), "BUY": ("buy", "short")}[order["S"]]
    row = {"exchange_ns": order["T"] * 10**6, "price": order["p"], "average_price": order["ap"], "size": order["q"]}
    return [{**row, "base_size": order["q"], "filled_size": order["z"], "side": side, "position": position}]


REFERENCE = {
    "trades": trade,
    "trades_backfill": trade,
    "quotes": quote,
    "book": delta,
    "book_snapshot": snapshot,
    "funding": mark,
    "liquidations": liquidation,
}


def read(kind: str, frame: bytes) -> list[dict[str, Any]] | None:
    """Read a frame as the agents do; None when it is refused in a documented way."""
    parser = USDM.parsers[kind]
    columns = Columns(topic_of(parser.record))
    try:
        parser.append([msgspec.json.decode(frame, type=parser.message)], [0], columns)
    except (ValueError, RecursionError):
        return None
    batch, bad = columns.build()
    if bad:
        return None
    rows: list[dict[str, Any]] = batch.drop_columns(["frame"]).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def peeked(kind: str, frame: bytes) -> Peek | None:
    """Peek at a book frame or body; None when it is refused in a documented way."""
    try:
        return (USDM.peek_snapshot if kind == "book_snapshot" else USDM.peek_book)(frame)
    except (ValueError, RecursionError):
        return None


def routed(frame: bytes) -> Routed | None:
    """Route a frame; None when it is refused in the documented way."""
    try:
        return USDM.route(frame)
    except RouteError:
        return None


def same(row: dict[str, Any], want: dict[str, Any]) -> bool:
    """Compare a row with the reference's: decimals as numbers, all else as it is, types included."""
    return row.keys() == want.keys() and all(
        Decimal(want[name]) == value
        if isinstance(value, Decimal)
        else (type(want[name]), want[name]) == (type(value), value)
        for name, value in row.items()
    )


@settings(max_examples=2500, deadline=None)
@given(
    st.sampled_from(FRAMES),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 6), st.sampled_from(TOKENS) | st.binary(max_size=2)), max_size=3
    ),
)
@example(FRAMES[0], [])
@example(FRAMES[-1], [(0, 0, b'{"a":' * 100_000)])
def test_damage_is_refused_or_harmless(frame: tuple[str, bytes], damages: list[Damage]) -> None:
    """A damaged frame raises what is documented, or gives the rows an independent reading gives."""
    kind, raw = frame[0], damaged(frame[1], damages)
    routed(raw)
    USDM.ack(raw)
    USDM.is_reconnect_notice(raw)
    peek, rows = peeked(kind, raw), read(kind, raw)
    if rows is not None:
        want, data = reference(kind, raw)
        assert len(rows) == len(want)
        assert all(same(row, expected) for row, expected in zip(rows, want, strict=True)), (rows, want)
        if kind == "book":
            assert peek == Peek(data["U"], data["u"], data["pu"])
    if not damages:
        assert rows is not None
        assert kind in {"book_snapshot", "trades_backfill"} or routed(raw) is not None
