"""Recordings of real sessions: what they hold, read in the order of their receive times."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptoflow.errors import ConfigError

REPLAYED_CHANNELS = ("aggTrade", "trade", "bookTicker", "depth", "markPrice", "forceOrder")
_NOT_REPLAYED = ("depth5", "depth10", "depth20")
_USDM_HOSTS = ("fstream.binance.com", "fapi.binance.com")


class Row(msgspec.Struct):
    """Hold one row of a recording."""

    t: int
    conn: str
    ev: str
    url: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a replay: a frame of a stream, or a depth answer (`stream` empty)."""

    offset_ns: int
    symbol: str
    stream: str
    payload: bytes


@dataclass(frozen=True)
class Plan:
    """Say what a demo subscribes to replay recordings, and what the replay consists of."""

    exchange: str
    market: str
    symbols: tuple[str, ...]
    channels: tuple[str, ...]
    streams: tuple[str, ...]
    steps: tuple[Step, ...]
    exchange_info: bytes
    price_decimals: dict[str, int]


_row = msgspec.json.Decoder(Row)


class _Envelope(msgspec.Struct):
    stream: str


_envelope = msgspec.json.Decoder(_Envelope)


def plan_recording(paths: Sequence[Path]) -> Plan:
    """Read recordings of Binance USD-M; several are laid side by side, each from its own start.

    Raises ConfigError for a file that cannot be read or that another venue recorded.
    """
    steps: list[Step] = []
    infos: list[bytes] = []
    for path in paths:
        rows = _rows(path)
        start = rows[0].t
        for row in rows:
            if row.ev == "rest" and "/exchangeInfo" in row.url:
                infos.append(row.data.encode())
            elif (step := _step(row, start)) is not None:
                steps.append(step)
    steps.sort(key=lambda step: step.offset_ns)
    streams = tuple(dict.fromkeys(step.stream for step in steps if step.stream))
    symbols = tuple(dict.fromkeys(stream.partition("@")[0].upper() for stream in streams))
    return Plan(
        exchange="binance",
        market="usdm",
        symbols=symbols,
        channels=tuple(dict.fromkeys(stream.partition("@")[2] for stream in streams)),
        streams=streams,
        steps=tuple(steps),
        exchange_info=infos[0] if infos else b"",
        price_decimals=_decimals(steps, symbols),
    )


def _rows(path: Path) -> list[Row]:
    try:
        with gzip.open(path, "rb") as file:
            rows = [_row.decode(line) for line in file]
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"reading recording {path}: {error}", fix="give a recording (.jsonl.gz)") from error
    hosts = {urlsplit(row.url).hostname for row in rows if row.url}
    if not rows or not hosts or not hosts.issubset(_USDM_HOSTS):
        raise ConfigError(
            f"recording {path.name} is not of Binance USD-M (hosts: {', '.join(sorted(map(str, hosts))) or 'none'})",
            fix="give a recording of fstream.binance.com",
        )
    return sorted(rows, key=lambda row: row.t)


def _step(row: Row, start_ns: int) -> Step | None:
    payload = row.data.encode()
    if row.ev == "rest" and urlsplit(row.url).path.endswith("/depth"):
        symbol = parse_qs(urlsplit(row.url).query)["symbol"][0]
        return Step(row.t - start_ns, symbol, "", payload)
    if row.ev != "recv":
        return None
    try:
        stream = _envelope.decode(payload).stream
    except msgspec.DecodeError:
        return None
    symbol, _, channel = stream.partition("@")
    name = channel.partition("@")[0]
    if name not in REPLAYED_CHANNELS or name in _NOT_REPLAYED:
        return None
    return Step(row.t - start_ns, symbol.upper(), stream, payload)


def _decimals(steps: Sequence[Step], symbols: Sequence[str]) -> dict[str, int]:
    """Tell the price decimals of each symbol from its first snapshot; 8 where there is none."""
    decimals = dict.fromkeys(symbols, 8)
    for step in steps:
        if not step.stream:
            levels = msgspec.json.decode(step.payload)["bids"]
            if levels:
                decimals[step.symbol] = len(levels[0][0].partition(".")[2])
    return decimals
