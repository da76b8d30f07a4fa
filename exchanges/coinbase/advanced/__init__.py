"""Coinbase Advanced Trade: spot. PROTOCOLS 6.2."""

from exchanges._exchange import BOOK_SNAPSHOT, Market, StreamKind
from exchanges.coinbase.advanced import parse, route, sequence, streams, symbols

SPOT = Market(
    name="spot",
    streams=streams.STREAMS,
    endpoints=streams.ENDPOINTS,
    rest=streams.REST,
    stream_name=streams.stream_name,
    request_group=streams.request_group,
    subscribe=streams.subscribe,
    unsubscribe=streams.unsubscribe,
    route=route.route,
    ack=streams.ack,
    is_reconnect_notice=streams.is_reconnect_notice,
    peek_book=route.peek_book,
    peek_snapshot=route.peek_snapshot,
    # The public REST book ends at 250 levels: less than what the stream keeps, so it proves nothing.
    snapshot_request=None,
    in_stream_snapshots=True,
    connection_sequence=sequence.connection_sequence,
    connection_sequence_start=sequence.SEQUENCE_START,
    content=sequence.content,
    # PROTOCOLS 1.4: identified by the connection's own numbers.
    scoped_kinds=frozenset({StreamKind.BOOK.value, BOOK_SNAPSHOT, StreamKind.QUOTES.value}),
    instruments_requests=streams.INSTRUMENTS_REQUESTS,
    next_page=streams.next_page,
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    volumes_request=streams.INSTRUMENTS_REQUESTS[0],
    volumes=symbols.volumes,
    parsers=parse.PARSERS,
    book_rules=sequence.AdvancedBookRules(),
)

__all__ = ["SPOT"]
