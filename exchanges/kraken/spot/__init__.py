"""Kraken spot, WebSocket v2. PROTOCOLS 7.1."""

from exchanges._exchange import Market
from exchanges.kraken.spot import parse, route, sequence, streams, symbols

SPOT = Market(
    name="spot",
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
    snapshot_request=None,  # a REST book has nothing to be joined by
    instruments_requests=streams.INSTRUMENTS_REQUESTS,
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    parsers=parse.PARSERS,
    book_rules=sequence.SpotBookRules(),
    heard_as=streams.heard_as,
    request_group=streams.request_group,
    in_stream_snapshots=True,
    scoped_kinds=frozenset({"book", "book_snapshot", "quotes"}),
    book_check=sequence.Crc32Check(),
    volumes_request=streams.VOLUMES_REQUEST,
    volumes=symbols.volumes,
    trade_fill=streams.TRADE_FILL,
)

__all__ = ["SPOT"]
