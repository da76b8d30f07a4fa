"""When large states are written: once per interval each, spread evenly over it."""

from __future__ import annotations

import zlib

_SPREAD = 2.0**32


class Cadence:
    """Give every symbol a phase of its own, so that their states do not come all at once."""

    def __init__(self, interval_s: float, now_s: float) -> None:
        """Start at a moment of a clock that only rises; 0 makes everything due always."""
        self._interval_s = interval_s
        self._began_s = now_s
        self._written: dict[str, int] = {}

    def is_due(self, symbol: str, now_s: float) -> bool:
        """Tell whether a turn of the symbol has come since its state was written, or since the start."""
        if not self._interval_s:
            return True
        return self._turn(symbol, now_s) > self._written.get(symbol, self._turn(symbol, self._began_s))

    def written(self, symbol: str, now_s: float) -> None:
        """Note that the symbol's state was written; only symbols asked about need be told."""
        if self._interval_s:
            self._written[symbol] = self._turn(symbol, now_s)

    def _turn(self, symbol: str, now_s: float) -> int:
        return int(now_s / self._interval_s + zlib.crc32(symbol.encode()) / _SPREAD)
