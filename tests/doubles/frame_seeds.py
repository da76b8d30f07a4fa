"""Whole frames of a market, golden and recorded: what the frame fuzzer begins with.

It cannot imitate: kinds that neither the golden files nor the recordings hold.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import urlsplit

from golden import GOLDEN, MARKETS, definitions
from strict_path import Seed

from exchanges import BACKFILL, BOOK_SNAPSHOT, CONTROL, Market, RouteError

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"
FRAME_MAX_BYTES = 4_096
SEEDS_MAX = 400
"""Whole frames taken of a recording, spread over it."""


def golden_seeds(name: str) -> list[Seed]:
    """Return the golden frames of a market, and the bodies of REST with the kind they are published as."""
    market, symbol = MARKETS[name], definitions(name)[0].native_symbol
    seeds = []
    for file in sorted((GOLDEN / name).glob("*.jsonl")):
        for line in filter(None, file.read_bytes().splitlines()):
            is_rest = file.stem == BACKFILL or (file.stem == BOOK_SNAPSHOT and _kind(market, line) == CONTROL)
            seeds.append(Seed(line, file.stem, *((file.stem, symbol) if is_rest else ())))
    return seeds


def _kind(market: Market, frame: bytes) -> str:
    try:
        return market.route(frame).kind
    except RouteError:
        return CONTROL


def recorded_seeds(exchange: str, market: Market) -> list[Seed]:
    """Return frames of the recordings that this market can route."""
    found: list[Seed] = []
    hosts = {urlsplit(endpoint.url).hostname for endpoint in market.endpoints}
    for path in sorted(RECORDINGS.glob(f"{exchange}_*.jsonl.gz")):
        with gzip.open(path, "rb") as lines:
            rows = [json.loads(line) for line in lines]
        conns = {row["conn"] for row in rows if row["ev"] == "open" and urlsplit(row["url"]).hostname in hosts}
        frames = [row["data"].encode() for row in rows if row["ev"] == "recv" and row["conn"] in conns]
        frames = [frame for frame in frames if len(frame) <= FRAME_MAX_BYTES]
        spread = frames[:: max(1, len(frames) // SEEDS_MAX)]
        found += [Seed(frame, f"recorded {_kind(market, frame)}") for frame in spread]
    return found
