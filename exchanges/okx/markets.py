"""OKX: the markets as values. Spot, perpetual swaps and dated futures share one host, path and protocol."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from exchanges._exchange import Market
from exchanges.okx import legacy, parse, rest, route, streams, symbols
from exchanges.okx.checksum import BookChecksum
from exchanges.okx.sequence import LegacyBookRules, OkxBookRules

INSTRUMENT_TYPES: Mapping[str, str] = {"spot": "SPOT", "swap": "SWAP", "futures": "FUTURES"}
"""The venue's name of each market."""

SCOPED_WITHOUT_IDS = frozenset({"book", "book_snapshot"})


def make_market(name: str, *, in_stream_snapshots: bool = True) -> Market:
    """Return a market by our name for it. Raises KeyError.

    A book begins with the snapshot that its stream sends (PROTOCOLS 5.5.1), or, without
    `in_stream_snapshots`, with the REST book, spliced by `seqId`: for a host that sends none. The REST
    book serves the schedule either way.
    """
    instrument_type = INSTRUMENT_TYPES[name]
    contracts = name != "spot"
    market = Market(
        name=name,
        streams=streams.STREAMS[instrument_type],
        endpoints=streams.ENDPOINTS,
        rest=rest.HOST,
        stream_name=streams.naming(instrument_type),
        subscribe=streams.subscribe,
        unsubscribe=streams.unsubscribe,
        route=route.route,
        ack=streams.ack,
        is_reconnect_notice=streams.is_reconnect_notice,
        peek_book=route.peek_book,
        peek_snapshot=route.peek_snapshot,
        snapshot_request=rest.snapshot_request,
        instruments_requests=(rest.instruments_request(instrument_type),),
        instruments=symbols.instruments,
        instrument=symbols.instrument,
        parsers=parse.parsers(contracts=contracts),
        book_rules=OkxBookRules(),
        in_stream_snapshots=in_stream_snapshots,
        volumes_request=rest.volumes_request(instrument_type),
        volumes=functools.partial(rest.volumes, in_base=contracts),
        trade_fill=rest.TRADE_FILL,
    )
    return dataclasses.replace(market, earlier=_earlier(market))


def _earlier(market: Market) -> tuple[tuple[int, Market], ...]:
    """Return the market as it was read before its books lost their checksum, and before they had ids."""
    summed = dataclasses.replace(
        market, parsers=legacy.parsers(market.parsers, with_ids=True), book_check=BookChecksum()
    )
    without_ids = dataclasses.replace(
        summed,
        parsers=legacy.parsers(market.parsers, with_ids=False),
        book_rules=LegacyBookRules(),
        peek_book=legacy.peek_book,
        peek_snapshot=legacy.peek_snapshot,
        scoped_kinds=SCOPED_WITHOUT_IDS,
        in_stream_snapshots=True,
        snapshot_request=None,  # a REST book without an id joins nothing
    )
    return (legacy.CHECKSUM_END_NS, summed), (legacy.IDS_SINCE_NS, without_ids)
