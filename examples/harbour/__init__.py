"""Harbour, an invented venue: the smallest complete answer to `exchanges.Market`.

A venue of your own stands under `exchanges/<venue>/` with the same files; see
docs/howto/add-an-exchange.md.
"""

from examples.harbour import parse, route, sequence, streams, symbols
from exchanges import Exchange, Market

SPOT = Market(
    name="spot",
    streams=streams.STREAMS,
    endpoints=(streams.FEED,),
    rest=streams.REST,
    stream_name=streams.stream_name,
    subscribe=streams.subscribe,
    unsubscribe=streams.unsubscribe,
    route=route.route,
    ack=streams.ack,
    is_reconnect_notice=streams.is_reconnect_notice,
    peek_book=route.peek_book,
    peek_snapshot=route.peek_snapshot,
    snapshot_request=None,
    instruments_requests=(streams.INSTRUMENTS_REQUEST,),
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    parsers=parse.PARSERS,
    book_rules=sequence.HarbourBookRules(),
    in_stream_snapshots=True,
)

EXCHANGE = Exchange("harbour", {"spot": SPOT})

__all__ = ["EXCHANGE", "SPOT"]
