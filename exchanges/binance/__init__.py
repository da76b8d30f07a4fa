"""Binance: USD-M futures."""

from exchanges._exchange import Exchange, Market
from exchanges.binance import parse, route, sequence, streams, symbols

USDM = Market(
    name="usdm",
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
    instruments_requests=streams.INSTRUMENTS_REQUESTS,
    instruments=symbols.instruments,
    instrument=symbols.instrument,
    parsers=parse.PARSERS,
    book_rules=sequence.UsdmBookRules(),
)

EXCHANGE = Exchange("binance", {"usdm": USDM})

__all__ = ["EXCHANGE", "USDM"]
