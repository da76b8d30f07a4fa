"""Golden frames and bodies of every market: where they stand and how the suites read them.

All values in them are invented. They prove what the parsers make of a frame, nothing about an exchange.
"""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from examples import harbour
from exchanges import Exchange, Market, Parser, Part, Per, Stream
from schemas import Columns, InstrumentDefinition, Type, topic_of
from schemas._registry import load

GOLDEN = Path(__file__).resolve().parent.parent / "golden"

EXCHANGES: dict[str, Exchange] = {**load("exchanges", "EXCHANGE"), harbour.EXCHANGE.name: harbour.EXCHANGE}
"""Every venue, and the example that docs/howto/add-an-exchange.md shows."""

MARKETS: dict[str, Market] = {
    f"{name}_{key}": market for name, one in EXCHANGES.items() for key, market in one.markets.items()
}


def exists(name: str, file: str) -> bool:
    """Tell whether a market has an optional golden file."""
    return (GOLDEN / name / file).exists()


def lines(name: str, file: str) -> list[bytes]:
    """Read golden frames, one per line."""
    return (GOLDEN / name / file).read_bytes().splitlines()


def expected(name: str, file: str) -> Any:
    """Read what golden frames become."""
    return json.loads((GOLDEN / name / file).read_text("utf-8"))


def bodies(name: str) -> list[bytes]:
    """Read the bodies (pages) of the metadata requests, in order."""
    return [path.read_bytes() for path in sorted((GOLDEN / name).glob("instruments_body*.json"))]


def definitions(name: str) -> list[InstrumentDefinition]:
    """Read the definitions that the bodies give."""
    return msgspec.convert(expected(name, "instruments.json"), list[InstrumentDefinition])


def keys(name: str, stream: Stream) -> list[str]:
    """List what names of a stream are made from, given the golden instruments."""
    if stream.per is Per.MARKET:
        return [""]
    if stream.per is Per.INDEX:
        return sorted({one.index for one in definitions(name) if one.index})
    return [one.native_symbol for one in definitions(name)]


def names_of(name: str, stream: Stream) -> list[str]:
    """List the subscriptions of a stream, given the golden instruments."""
    return [MARKETS[name].stream_name(stream, key) for key in keys(name, stream)]


def places(market: Market, frame: bytes) -> list[Part]:
    """Route a frame; one without parts is one part that is the whole frame."""
    routed = market.route(frame)
    return list(routed.parts) or [Part(routed.kind, routed.symbol, routed.stream, frame)]


def decode(parser: Parser, frames: list[bytes]) -> list[Any]:
    """Decode as the agents do: all frames as one JSON array."""
    found: list[Any] = msgspec.json.Decoder(list[parser.message]).decode(b"[" + b",".join(frames) + b"]")
    return found


def parsed(parser: Parser, frames: list[bytes], cuts: tuple[int, ...] = ()) -> Columns:
    """Decode and append frames, cut into calls at the given places."""
    columns = Columns(topic_of(parser.record))
    bounds = [0, *cuts, len(frames)]
    for start, end in itertools.pairwise(bounds):
        parser.append(decode(parser, frames[start:end]), range(start, end), columns)
    return columns


def rows_of(parser: Parser, columns: Columns) -> list[dict[str, Any]]:
    """Return the rows a batch holds: frame and the columns that are not null, decimals as short text."""
    batch, bad = columns.build()
    assert not bad, bad
    decimals = {field.name for field in topic_of(parser.record).fields if field.type is Type.DECIMAL}
    return [
        {key: short(value) if key in decimals else value for key, value in row.items() if value is not None}
        for row in batch.to_pylist()
    ]


def short(value: Decimal) -> str:
    """Format a decimal without exponent and trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
