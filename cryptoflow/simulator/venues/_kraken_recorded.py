"""Kraken spot: recorded rows, and frames changed so that their checksum does not agree. PROTOCOLS 7.1.4, 7.1.5."""

from __future__ import annotations

import re

import msgspec

from cryptoflow.simulator.venues._kraken_session import (
    DEPTH_DEFAULT,
    DEPTHS,
    KINDS,
    MARKET,
    read_command,
    stream_of,
)
from cryptoflow.simulator.venues._values import Recorded, Row
from cryptoflow.simulator.venues._venue import Venue


class Reader:
    """Read the rows of one recording; a book frame does not tell the depth it was asked for."""

    def __init__(self, venue: Venue) -> None:
        """Start knowing no depth."""
        self._venue = venue
        self._depths: dict[tuple[str, str], int] = {}

    def read(self, row: Row) -> Recorded | None:
        """Read one row; None for what is not replayed."""
        try:
            if row.ev == "send":
                self._note(row)
                return None
            return self._told(row)
        except (msgspec.DecodeError, KeyError, IndexError, TypeError):
            return None

    def _note(self, row: Row) -> None:
        asked = read_command(row.data)
        if asked.method == "subscribe" and asked.params.channel == "book":
            self._depths.update({(row.conn, symbol): asked.params.depth for symbol in asked.params.symbol})

    def _told(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            return None
        told = msgspec.json.decode(row.data)
        kind, symbol = KINDS.get(told["channel"]), told["data"][0]["symbol"]
        if kind is None:
            return None
        if kind == "book" and (row.conn, symbol) not in self._depths:
            most = max(len(told["data"][0][side]) for side in ("bids", "asks"))
            whole = told["type"] == "snapshot"
            depth = next((one for one in DEPTHS if one >= most), DEPTHS[-1]) if whole else DEPTH_DEFAULT
            self._depths[row.conn, symbol] = depth
        key = self._venue.key(MARKET, stream_of(told["channel"], self._depths.get((row.conn, symbol), 0), symbol))
        is_book = kind == "book"
        # Only what this simulator writes shows every lost update; of recorded books the venue's luck decides.
        return Recorded(
            MARKET, row.data, (key,), (kind,), symbol, numbered=kind == "trades", snapshots=is_book
        )  # fmt: skip


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
