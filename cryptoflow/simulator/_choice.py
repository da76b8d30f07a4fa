"""Choose which recorded streams are replayed: those a producer can subscribe, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exchanges import Market, Per, Stream, StreamKind

ALONE = frozenset({StreamKind.BOOK, StreamKind.TRADES})
"""Kinds of which a symbol has one stream: each channel counts by itself, so that two look like one in disorder."""


def chosen_streams(market: Market, symbols: Iterable[str], recorded: Iterable[str]) -> dict[str, Stream]:
    """Return the recorded names of streams that a market's producer subscribes for these symbols.

    A symbol has one stream of books and one of trades: of several that were recorded the market's
    default, or else the first in the market's order. A stream of the whole market or of an index needs
    a symbol that it serves.
    """
    names, own = set(recorded), list(symbols)
    found: dict[str, Stream] = {}
    taken: set[tuple[StreamKind, str]] = set()
    for stream in sorted(market.streams, key=lambda stream: not stream.default):
        for key in _keys(stream, own, names):
            told = market.stream_name(stream, key)
            heard = next((name for name in (told, market.heard_as(told)) if name in names), None)
            if heard is None or heard in found or (stream.kind, key) in taken:
                continue
            found[heard] = stream
            if stream.kind in ALONE:
                taken.add((stream.kind, key))
    return found


def _keys(stream: Stream, symbols: list[str], names: set[str]) -> Iterator[str]:
    """Give what a stream may be subscribed for; an index is told by the symbols that begin with its name."""
    if stream.per is Per.MARKET:
        yield from [""] if symbols else []
    elif stream.per is Per.SYMBOL:
        yield from symbols
    else:
        indexes = sorted({name.rpartition(":")[2] for name in names})
        yield from (index for index in indexes if any(symbol.startswith(f"{index}-") for symbol in symbols))
