"""Binance spot: put the answers of the nouns together to a market."""

from __future__ import annotations

from exchanges._exchange import Market
from exchanges.binance import _control
from exchanges.binance._volumes import volumes
from exchanges.binance.spot import parse, route, sequence, streams, symbols


def market(levels: int = streams.SNAPSHOT_LEVELS) -> Market:
    """Return the market with REST books of so many levels a side. Raises ValueError beyond 5000."""
    return Market(
        name="spot",
        streams=streams.STREAMS,
        endpoints=streams.ENDPOINTS,
        rest=streams.REST,
        stream_name=streams.stream_name,
        subscribe=_control.subscribe,
        unsubscribe=_control.unsubscribe,
        route=route.route,
        ack=_control.ack,
        is_reconnect_notice=_control.is_reconnect_notice,
        peek_book=route.peek_book,
        peek_snapshot=route.peek_snapshot,
        snapshot_request=streams.snapshot_request(levels),
        instruments_requests=streams.INSTRUMENTS_REQUESTS,
        instruments=symbols.instruments,
        instrument=symbols.instrument,
        parsers=parse.PARSERS,
        volumes_request=streams.VOLUMES_REQUEST,
        volumes=volumes,
        trade_fill=streams.TRADE_FILL,
        book_rules=sequence.SpotBookRules(),
    )
