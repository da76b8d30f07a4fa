"""Coinbase Advanced Trade: tell a frame's kind and product; cut a frame of several products. PROTOCOLS 6.2.4."""

from __future__ import annotations

import functools
import re

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Part, Peek, Routed, RouteError, StreamKind
from exchanges._names import is_plain
from exchanges.coinbase.advanced.messages import Number
from exchanges.coinbase.advanced.streams import HEARTBEATS, ack

NAMES_CACHE_MAX = 65_536
"""Places remembered; far more than one process subscribes."""

_BOOK, _TRADES, _TICKER = "l2_data", "market_trades", "ticker"
_CONTROL = Routed(CONTROL, "")
_KINDS = {
    (_BOOK, "update"): (StreamKind.BOOK.value, "level2"),
    (_BOOK, "snapshot"): (BOOK_SNAPSHOT, "level2"),
    (_TRADES, "update"): (StreamKind.TRADES.value, _TRADES),
    (_TRADES, "snapshot"): (StreamKind.TRADES.value, _TRADES),
    (_TICKER, "update"): (StreamKind.QUOTES.value, _TICKER),
    (_TICKER, "snapshot"): (StreamKind.QUOTES.value, _TICKER),
}
"""Frame kind and channel as subscribed, by channel as sent and type of the event."""

_LISTS = {_TRADES: "trades", _TICKER: "tickers"}
"""The list of an event whose entries name their product; events of the book name it themselves."""

_HEAD_MAX_BYTES = 512
_PRODUCT = b'"product_id"'
_head = re.compile(
    rb'\{"channel":"(\w+)",(?:"client_id":"[^"\\]*",)?"timestamp":"[^"\\]*","sequence_num":\d+,'
    rb'"events":\[\{"type":"(\w+)",'
)
_first_product = re.compile(rb'"product_id":"([\w.-]+)"', re.ASCII)


class _Named(msgspec.Struct, gc=False):
    product_id: str


class _Typed(msgspec.Struct, gc=False):
    type: str


class _BookEvent(msgspec.Struct, gc=False):
    type: str
    product_id: str


class _BookPeek(msgspec.Struct, gc=False):
    sequence_num: Number
    events: list[_BookEvent]


class _Channel(msgspec.Struct, gc=False):
    channel: str


_named = msgspec.json.Decoder(_Named)
_typed = msgspec.json.Decoder(_Typed)
_channel = msgspec.json.Decoder(_Channel)
_book_peek = msgspec.json.Decoder(_BookPeek)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _plain(channel: bytes, event: bytes, product: bytes) -> Routed | None:
    place = _KINDS.get((channel.decode("ascii", "replace"), event.decode("ascii", "replace")))
    return None if place is None else _routed(place, product.decode())


def _routed(place: tuple[str, str], product: str) -> Routed:
    return Routed(place[0], product, f"{place[1]}:{product}")


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs; answers, heartbeats and frames without an entry are `control`.

    The common form, entries of one product in one event, is told without decoding. Any other frame
    with several products or kinds has parts, cut inside its own envelope. Raises RouteError.
    """
    head = _head.match(frame, 0, _HEAD_MAX_BYTES)
    if head:
        product = _first_product.search(frame, head.end())
        if product and _is_of_one_product(frame, head[1], product[0]):
            routed = _plain(head[1], head[2], product[1])
            if routed is not None:
                return routed
    return _decoded(frame)


def _is_of_one_product(frame: bytes, channel: bytes, product: bytes) -> bool:
    # Counted, not decoded: an event of the book names its product once, every trade and ticker its own.
    if not is_plain(frame):
        return False
    named = frame.count(_PRODUCT)
    return named == 1 if channel == b"l2_data" else named == frame.count(product)


def _decoded(frame: bytes) -> Routed:
    if ack(frame) is not None:
        return _CONTROL
    try:
        channel = _channel.decode(frame).channel
        parts = [] if channel == HEARTBEATS else _cut(_object.decode(frame), channel)
        if len(parts) > 1:
            frame.decode()  # a part must not look whole when what was around it is not text
    except (ValueError, KeyError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    if not parts:
        return _CONTROL  # a heartbeat; or the empty snapshot that a product without trades begins with
    if len(parts) == 1:
        return Routed(parts[0].kind, parts[0].symbol, parts[0].stream)
    return Routed(parts[0].kind, parts[0].symbol, parts[0].stream, tuple(parts))


def _cut(envelope: dict[str, msgspec.Raw], channel: str) -> list[Part]:
    """Cut a frame into runs of one product and kind; within a product they keep their order.

    Raises ValueError or KeyError for a frame that is not of ours.
    """
    if channel not in {_BOOK, *_LISTS}:
        raise ValueError(f"channel {channel[:100]!r} is not one of ours")
    runs: list[tuple[tuple[str, str], str, list[bytes]]] = []
    newest: dict[str, int] = {}
    for event in _list.decode(envelope["events"]):
        place = _KINDS.get((channel, _typed.decode(event).type))
        if place is None:
            raise ValueError(f"channel {channel[:100]!r} or the type of its event is not one of ours")
        for product, piece in _pieces(event, channel):
            if not product:
                raise ValueError("an entry names no product")
            held = newest.get(product)
            if held is None or runs[held][0] != place:
                newest[product] = len(runs)
                runs.append((place, product, []))
            runs[newest[product]][2].append(piece)
    return [
        Part(place[0], product, f"{place[1]}:{product}", _with(envelope, "events", pieces))
        for place, product, pieces in runs
    ]


def _pieces(event: msgspec.Raw, channel: str) -> list[tuple[str, bytes]]:
    """Cut an event into one per product; the bytes of its entries are untouched."""
    if channel == _BOOK:
        return [(_named.decode(event).product_id, bytes(event))]
    name, fields = _LISTS[channel], _object.decode(event)
    entries: dict[str, list[bytes]] = {}
    for entry in _list.decode(fields[name]):
        entries.setdefault(_named.decode(entry).product_id, []).append(bytes(entry))
    return [(product, _with(fields, name, own)) for product, own in entries.items()]


def _with(fields: dict[str, msgspec.Raw], name: str, entries: list[bytes]) -> bytes:
    replaced = msgspec.Raw(b"[%b]" % b",".join(entries))
    return msgspec.json.encode({key: replaced if key == name else value for key, value in fields.items()})


def peek_book(frame: bytes) -> Peek:
    """Say whether a book frame is a snapshot; it has no ids. Raises ValueError or RecursionError."""
    events = _book_peek.decode(frame).events
    if not events:
        raise ValueError("reading a book frame: it has no event")
    return Peek(-1, -1, -1, snapshot=events[-1].type == "snapshot")


def peek_snapshot(frame: bytes) -> Peek:
    """Read a book snapshot as `peek_book` does. Raises ValueError or RecursionError."""
    peek = peek_book(frame)
    if not peek.snapshot:
        raise ValueError("reading a book snapshot: the frame is none")
    return peek
