"""What a frame of each market means, by the strictest reading: the reference of the frame fuzzer.

One module `strict_<exchange>` per venue, written from PROTOCOLS alone; none shares code with `exchanges/`.
Each has `Reader(market, bodies)` with `meant(frame, received_ns)` and, for answers of REST,
`body(kind, symbol, frame, received_ns)`: which rows of which symbols a frame means, field by field. They refuse what
has no certain meaning. A parser may refuse more than they do; it may never make other rows of a frame.
"""

from __future__ import annotations

import importlib
from typing import Any


def reader(exchange: str, market: str, bodies: list[bytes]) -> Any:
    """Return the reader of a market, which knows the instruments of these answers."""
    return importlib.import_module(f"strict_{exchange}").Reader(market, bodies)
