"""Binance spot: when a book is whole. PROTOCOLS 2.5; the USD-M rules differ on purpose."""

from __future__ import annotations

from typing_extensions import override

from exchanges._sightings import saw
from exchanges.binance._sequence import SplicedBookRules


class SpotBookRules(SplicedBookRules):
    """Judge by `U` and `u`: ids have no holes, so a delta begins at most one above the last (PROTOCOLS 2.5).

    `u` that goes back is a gap and not a repeat, unless that very `u` was taken before: rule 6 would
    ignore it, which after an engine restart serves a stale book (PROTOCOLS 2.5 (!)).
    """

    @override
    def goes_on(self, seen: int, first: int, last: int, prev: int) -> bool:
        if last <= seen:
            saw("PROTOCOLS 2.5", "u went back without being a repeat")
            return False
        if first <= seen:
            # PROTOCOLS 2.5.6: nothing is missing, quantities are absolute; but 2.5 (!) holds that all
            # connections are sent the same cuts.
            saw("PROTOCOLS 2.5", "a delta begins inside the one before")
        return first <= seen + 1  # PROTOCOLS 2.5.6

    @override
    def contains(self, snapshot: int, last: int) -> bool:
        return last <= snapshot  # PROTOCOLS 2.5.4

    @override
    def joins(self, snapshot: int, first: int, last: int, prev: int) -> bool:
        return first <= snapshot + 1 <= last  # PROTOCOLS 2.5.4: the boundary is L + 1, on USD-M it is L
