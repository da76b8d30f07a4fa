"""Bybit: put the answers of the nouns together to a market."""

from __future__ import annotations

import dataclasses

from exchanges._exchange import Market
from exchanges.bybit import parse, route, sequence, streams, symbols


def market(category: str, *, enforce_sequence: bool = True) -> Market:
    """Return a market by its category; `enforce_sequence` as `BybitBookRules` takes it (PROTOCOLS 4.6.5 (!))."""
    today = Market(
        name=category,
        streams=streams.STREAMS[category],
        endpoints=streams.endpoints(category),
        rest=streams.REST,
        stream_name=streams.stream_name,
        subscribe=streams.subscribe,
        unsubscribe=streams.unsubscribe,
        route=route.router(streams.STREAMS[category]),
        ack=streams.ack,
        is_reconnect_notice=streams.is_reconnect_notice,
        peek_book=route.peek_book,
        peek_snapshot=route.peek_book,
        snapshot_request=streams.snapshot_request(category),
        instruments_requests=streams.instruments_requests(category),
        instruments=symbols.instruments,
        instrument=symbols.instrument,
        parsers=parse.LINEAR_PARSERS if category == streams.LINEAR else parse.PARSERS,
        book_rules=sequence.BybitBookRules(enforce=enforce_sequence),
        in_stream_snapshots=True,
        next_page=symbols.next_page,
        volumes_request=streams.volumes_request(category),
        volumes=symbols.volumes,
    )
    return dataclasses.replace(today, earlier=_earlier(today))


def _earlier(today: Market) -> tuple[tuple[int, Market], ...]:
    """Return the market with the channels it has lost."""
    if today.name not in streams.RETIRED:
        return ()
    known = (*today.streams, *streams.RETIRED[today.name])
    return ((streams.RETIRED_NS, dataclasses.replace(today, streams=known, route=route.router(known))),)
