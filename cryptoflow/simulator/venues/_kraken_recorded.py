"""Kraken spot: recorded rows, and frames changed so that their checksum does not agree. PROTOCOLS 7.1.4, 7.1.5."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cryptoflow.simulator.venues._kraken_session import (
    DEPTH_DEFAULT,
    DEPTHS,
    KINDS,
    MARKET,
    read_command,
    stream_of,
)
from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import Recorded, Row
from cryptoflow.simulator.venues._venue import Venue


class _Asked(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = DEPTH_DEFAULT


class _Answer(msgspec.Struct):
    """Hold the answer to a subscription, which tells its depth (PROTOCOLS 7.1.2)."""

    result: _Asked = msgspec.field(default_factory=_Asked)


_answer = msgspec.json.Decoder(_Answer)
_NEW_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_SAYS_NOTHING = frozenset({"", "status", "heartbeat", "instrument"})
_ANSWER, _SNAPSHOT, _HEAD_MAX_BYTES = b'"method"', b'"channel":"book","type":"snapshot"', 80
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError, ValueError)


class Reader:
    """Read the rows of one recording; a book frame does not tell the depth it was asked for.

    The depth is the one of the request or of its answer, else what the largest snapshot tells.
    """

    def __init__(self, venue: Venue, rows: Sequence[Row] = ()) -> None:
        """Learn the depths from all rows, where they are given."""
        self._venue = venue
        self._depths: dict[tuple[str, str], int] = {}
        self._largest: dict[str, int] = {}
        for row in rows:
            self._learn(row)

    def _learn(self, row: Row) -> None:
        try:
            if row.ev == "send":
                self._note(row)
            elif row.ev == "recv" and _ANSWER in row.data[:_HEAD_MAX_BYTES]:
                told = _answer.decode(row.data).result
                if told.channel == "book" and told.symbol:
                    self._depths.setdefault((row.conn, told.symbol), told.depth)
            elif row.ev == "recv" and _SNAPSHOT in row.data[:_HEAD_MAX_BYTES]:
                (book,) = msgspec.json.decode(row.data)["data"]
                self._measure(book)
        except _UNREADABLE:
            return

    def _measure(self, book: dict[str, Any]) -> None:
        most = max(len(book.get(side, ())) for side in ("bids", "asks"))
        self._largest[book["symbol"]] = max(most, self._largest.get(book["symbol"], 0))

    def read(self, row: Row) -> Recorded | None:
        """Read one row; None for what is not replayed."""
        try:
            if row.ev == "send":
                self._note(row)
                return None
            return self._told(row)
        except _UNREADABLE:
            return None

    def _note(self, row: Row) -> None:
        asked = read_command(row.data)
        if asked.method == "subscribe" and asked.params.channel == "book":
            self._depths.update({(row.conn, symbol): asked.params.depth for symbol in asked.params.symbol})

    def _told(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            is_list = urlsplit(row.url).path == "/0/public/AssetPairs"
            return Recorded(MARKET, row.data, rest="instruments") if is_list else None
        told = msgspec.json.decode(row.data)
        channel, data = told["channel"], told["data"]
        kind, symbols = KINDS.get(channel), [*dict.fromkeys(entry["symbol"] for entry in data)]
        if kind is None or not symbols:
            return None
        whole = kind == "book" and told["type"] == "snapshot"
        if whole:
            self._measure(data[0])
        keys = [self._venue.key(MARKET, stream_of(channel, self._depth(row.conn, name), name)) for name in symbols]
        # Only what this simulator writes shows every lost update; of recorded books the venue's luck decides.
        return Recorded(
            MARKET, row.data, tuple(keys), (kind,), symbols[0],
            numbered=kind == "trades", snapshots=kind == "book", whole=whole,
        )  # fmt: skip

    def _depth(self, conn: str, symbol: str) -> int:
        """Return the depth of a book, the same one to the end: another connection had what the first one had."""
        if (conn, symbol) not in self._depths:
            elsewhere = next((depth for (_, name), depth in self._depths.items() if name == symbol), 0)
            largest = self._largest.get(symbol, DEPTH_DEFAULT)
            guessed = next((one for one in DEPTHS if one >= largest), DEPTHS[-1])
            self._depths[conn, symbol] = elsewhere or guessed
        return self._depths[conn, symbol]


def unused(payload: bytes) -> str:
    """Name the channel of a frame that is not replayed; "" for answers, heartbeats, and definitions."""
    try:
        told = msgspec.json.decode(payload)
        if isinstance(told, list):
            return f"v1 {told[-2]}:{told[-1]}"  # PROTOCOLS 7.1.1: arrays, with other names and no sums on snapshots
        channel = "" if "method" in told else str(told.get("channel", ""))
        return "" if channel in _SAYS_NOTHING else f"{channel}:{told['data'][0]['symbol']}"
    except _UNREADABLE:
        return ""


def listed(bodies: Sequence[bytes], made: Mapping[str, object]) -> bytes | None:
    """Return recorded pairs as one body that holds every recorded symbol, by its v2 name."""
    return completed(bodies, lambda told: told["result"], name_of, made)


def name_of(entry: dict[str, Any]) -> str:
    """Return the name of a pair of REST as v2 spells it (PROTOCOLS 7.1.6)."""
    return "/".join(_NEW_NAMES.get(part, part) for part in str(entry["wsname"]).split("/"))


_LEVEL = re.compile(rb'\{"price":([0-9.]+),"qty":([0-9.]+)(?:e-?[0-9]+)?\}')


def miscounted(payload: bytes) -> bytes | None:
    """Return an update whose best changed bid has another size than its checksum knows."""
    if not payload.startswith(b'{"channel":"book","type":"update"'):
        return None
    end = payload.find(b'"asks"')
    found = [one for one in _LEVEL.finditer(payload, 0, end) if one[2].strip(b"0.")]
    if not found:
        return None
    best = max(found, key=lambda one: (len(one[1]), one[1]))
    return b'%b{"price":%b,"qty":9%b}%b' % (payload[: best.start()], best[1], best[2], payload[best.end() :])
