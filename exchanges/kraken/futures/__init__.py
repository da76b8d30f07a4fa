"""Kraken Futures, Derivatives WebSocket v1. PROTOCOLS 7.2."""

from exchanges._exchange import Market
from exchanges.kraken.futures import parse, route, sequence, streams, symbols

FUTURES = Market(
    name="futures",
    streams=streams.STREAMS,
    endpoints=streams.ENDPOINTS,
    rest=streams.REST,
    stream_name=streams.stream_name,
    subscribe=streams.subscribe,
    unsubscribe=streams.unsubscribe,
    route=route.route,
    ack=streams.ack,
    is_reconnect_notice=streams.is_reconnect_notice,
    peek_book=route.peek_book,
    peek_snapshot=route.peek_book,
    snapshot_request=None,  # the stream brings a snapshot with its number
    instruments_requests=streams.INSTRUMENTS_REQUESTS,
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    parsers=parse.PARSERS,
    book_rules=sequence.FuturesBookRules(),
    request_group=streams.request_group,
    in_stream_snapshots=True,
    scoped_kinds=frozenset({"book", "book_snapshot", "quotes", "funding"}),
    volumes_request=streams.VOLUMES_REQUEST,
    volumes=symbols.volumes,
)

__all__ = ["FUTURES"]
