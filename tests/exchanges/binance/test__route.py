"""Routing that both Binance markets share."""

from __future__ import annotations

import json

from exchanges import Per, Routed, Stream, StreamKind
from exchanges.binance._route import NAMES_CACHE_MAX, router

STREAMS = (
    Stream(StreamKind.TRADES, "trade", "ws"),
    Stream(StreamKind.FUNDING, "!markPrice@arr", "ws", per=Per.MARKET),
    Stream(StreamKind.LIQUIDATIONS, "!forceOrder@arr", "ws", per=Per.MARKET),
)
route = router(STREAMS)


def array(*entries: str) -> bytes:
    """Return a frame of the whole market."""
    return ('{"stream":"!markPrice@arr","data":[' + ",".join(entries) + "]}").encode()


def test_an_array_is_cut_per_symbol_and_no_entry_is_touched() -> None:
    """Each part is the venue's envelope around one entry, its bytes as they came."""
    entries = ('{"s":"AUSDT", "p":"1.10"}', '{"st":1,"p":"2e0","s":"BUSDT"}')
    routed = route(array(*entries))
    assert (routed.kind, routed.symbol, routed.stream) == ("funding", "AUSDT", "!markPrice@arr")
    assert [(part.symbol, part.raw) for part in routed.parts] == [
        ("AUSDT", array(entries[0])),
        ("BUSDT", array(entries[1])),
    ]


def test_coin_margined_entries_are_no_parts() -> None:
    """PROTOCOLS 3.1: arrays carry both product lines; what counts contracts is left out."""
    routed = route(array('{"s":"AUSDT","st":1}', '{"s":"AUSD_PERP","st":2}', '{"s":"BUSDT"}'))
    assert [part.symbol for part in routed.parts] == ["AUSDT", "BUSDT"]
    assert route(array('{"s":"AUSD_PERP","st":2}')) == Routed("control", "")
    assert route(array()) == Routed("control", "")


def test_a_single_payload_of_the_whole_market_is_not_cut() -> None:
    """`!forceOrder@arr` sends one order a frame; the symbol stands in the order."""
    frame = {"stream": "!forceOrder@arr", "data": {"e": "forceOrder", "o": {"s": "AUSDT"}, "st": 1}}
    assert route(json.dumps(frame).encode()) == Routed("liquidations", "AUSDT", "!forceOrder@arr")
    frame["data"] = {"o": {"s": "AUSD_PERP"}, "st": 2}
    assert route(json.dumps(frame).encode()) == Routed("control", "")


def test_answers_and_notices_are_control() -> None:
    """What is no data has no symbol."""
    for frame in (b'{"result":null,"id":1}', b'{"code":2,"msg":"no"}', b'{"e":"serverShutdown","E":1}'):
        assert route(frame) == Routed("control", "")


def test_the_name_cache_is_bounded() -> None:
    """Stream names that nobody subscribed cannot fill the memory."""
    held = [cell.cell_contents for cell in route.__closure__ or ()]
    assert [one.cache_info().maxsize for one in held if hasattr(one, "cache_info")] == [NAMES_CACHE_MAX]
