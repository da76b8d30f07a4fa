"""Coinbase Exchange: the public channels of its WebSocket feed. PROTOCOLS 6.1."""

import dataclasses

from exchanges._exchange import BOOK_SNAPSHOT, Market, StreamKind
from exchanges.coinbase.exchange_feed import legacy, parse, route, sequence, streams, symbols

_TODAY = Market(
    name="exchange",
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
    peek_snapshot=route.peek_snapshot,
    snapshot_request=streams.snapshot_request,
    in_stream_snapshots=True,
    # Frames of the book have no id (PROTOCOLS 1.4); tickers have one, but follow the same connection.
    scoped_kinds=frozenset({StreamKind.BOOK.value, BOOK_SNAPSHOT, StreamKind.QUOTES.value}),
    instruments_requests=streams.INSTRUMENTS_REQUESTS,
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    volumes_request=streams.VOLUMES_REQUEST,
    volumes=symbols.volumes,
    parsers=parse.PARSERS,
    book_rules=sequence.ExchangeFeedBookRules(),
    cross_check=sequence.CROSS_CHECK,
    trade_fill=sequence.TRADE_FILL,
)

_PRO = dataclasses.replace(_TODAY, parsers=legacy.parsers(parse.PARSERS))
FEED = dataclasses.replace(_TODAY, earlier=((legacy.SIZES_SINCE_NS, _PRO),))

__all__ = ["FEED"]
