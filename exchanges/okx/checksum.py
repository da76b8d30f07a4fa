"""OKX: the sum over a book that the venue sent until 2026-06-23. PROTOCOLS 5.5.7."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import zip_longest

from exchanges._book import BookLevel, Precisions

CHECKED_LEVELS = 25
"""Levels of each side in the sum."""


class BookChecksum:
    """Sum the best levels by the texts the venue sent: a signed CRC32."""

    def depth(self, stream: str) -> None:
        """Return None: the venue itself deletes the levels that leave its 400."""
        del stream

    def checksum(self, bids: Sequence[BookLevel], asks: Sequence[BookLevel], definition: Precisions) -> int:
        """Return the sum of this book; sides are best first. Precisions play no part."""
        del definition
        texts: list[str] = []
        for pair in zip_longest(bids[:CHECKED_LEVELS], asks[:CHECKED_LEVELS]):
            for level in pair:
                if level is not None:
                    texts += (level.price_text, level.size_text)
        sum_ = zlib.crc32(":".join(texts).encode())
        return sum_ - 2**32 if sum_ >= 2**31 else sum_
