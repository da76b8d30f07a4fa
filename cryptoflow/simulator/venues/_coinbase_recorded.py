"""Coinbase Advanced Trade: recorded rows, with what their connection's own numbers tell. PROTOCOLS 6.2.4, 6.2.5."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import Recorded, Row
from cryptoflow.simulator.venues._venue import Venue


def listed(bodies: Sequence[bytes], made: Mapping[str, object]) -> bytes | None:
    """Return recorded pages of products as one that holds every recorded product."""
    return completed(
        bodies, lambda told: told["products"], lambda entry: str(entry["product_id"]), made, _last_page
    )  # fmt: skip


def _last_page(told: Any) -> bool:
    pages = told.get("pagination") or {}
    return bool(pages.pop("has_next", False))


class _Numbered(msgspec.Struct):
    sequence_num: int


_numbered = msgspec.json.Decoder(_Numbered)


class Reader:
    """Read the rows of one recording.

    A replay numbers the frames of each connection anew. So that a frame which was not recorded is missed
    there too, a jump of the recorded number goes with the next frame that is replayed. A frame recorded
    twice, number and all, is one frame.
    """

    def __init__(self, venue: Venue) -> None:
        """Start with no connection."""
        self._venue = venue
        self._last: dict[str, int] = {}
        self._seen: dict[tuple[str, int], bytes] = {}
        self._owed: defaultdict[str, int] = defaultdict(int)

    def read(self, row: Row) -> Recorded | None:
        """Read one row; None for what is not replayed."""
        if row.ev == "send":
            return None
        found = self._venue.recorded(row)
        if row.ev != "recv":
            return found
        try:
            number = _numbered.decode(row.data).sequence_num
        except (msgspec.DecodeError, UnicodeDecodeError):
            return found  # an error has none
        last = self._last.get(row.conn)
        if last is not None and number <= last and self._seen.get((row.conn, number)) == row.data:
            return None
        jump = 0 if last is None else number - last - 1
        if found is None and jump < 0:
            return None
        self._last[row.conn] = number
        self._seen[row.conn, number] = row.data
        self._owed[row.conn] += jump
        return replace(found, jump=self._owed.pop(row.conn)) if found is not None else None
