"""Binance USD-M: when a book is whole. PROTOCOLS 3.4; the spot rules differ on purpose."""

from __future__ import annotations

from typing_extensions import override

from exchanges.binance._sequence import SplicedBookRules


class UsdmBookRules(SplicedBookRules):
    """Judge by `U`, `u`, `pu`: every delta names its predecessor, and ids have holes (PROTOCOLS 3.4)."""

    @override
    def goes_on(self, seen: int, first: int, last: int, prev: int) -> bool:
        # PROTOCOLS 3.4.6: nothing else proves continuity; an id that does not rise proves nothing.
        return prev == seen and last > seen

    @override
    def contains(self, snapshot: int, last: int) -> bool:
        return last < snapshot  # PROTOCOLS 3.4.3

    @override
    def joins(self, snapshot: int, first: int, last: int, prev: int) -> bool:
        # PROTOCOLS 3.4.4: `U <= L <= u`, or `pu == L`. The first covers 3.4.5, `u == L`: applying a delta
        # the snapshot already contains is harmless, quantities are absolute.
        return first <= snapshot <= last or prev == snapshot
