"""Harbour: where to connect, what to subscribe, how the venue answers. Harbour 1, 2."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from exchanges import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind

FEED = Endpoint(
    name="feed",
    url="wss://feed.harbour.example/v1",
    streams_max=100,  # Harbour 1.2
    messages_per_s=5.0,  # Harbour 1.2
    connects_max=60,  # Harbour 1.3
    connects_window_s=60.0,
    lifetime_s=math.inf,  # Harbour 1.4: no connection is cut
    streams_per_request_max=20,  # Harbour 2.1
)
REST = RestHost("https://api.harbour.example", weight_max=600)
INSTRUMENTS_REQUEST = RestRequest("/instruments", {}, 1)

STREAMS = (
    Stream(StreamKind.TRADES, "trades", "feed"),
    Stream(StreamKind.QUOTES, "best", "feed", period_s=10.0),  # Harbour 3.2: repeated every 10 s
    Stream(StreamKind.BOOK, "book", "feed"),
)


class _Answer(msgspec.Struct):
    """`{"re":4,"ok":true}` or `{"re":4,"ok":false,"why":"no such channel"}` (Harbour 2.2)."""

    re: int
    ok: bool
    why: str = ""


class _Notice(msgspec.Struct):
    """`{"notice":"closing"}` (Harbour 1.5)."""

    notice: str


_answer = msgspec.json.Decoder(_Answer)
_notice = msgspec.json.Decoder(_Notice)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a channel of a symbol: `book:AAA-BBB`."""
    return f"{stream.channel}:{symbol}"


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for channels by name. Harbour 2.1."""
    return msgspec.json.encode({"do": "join", "id": request_id, "channels": list(names)})


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give channels up by name. Harbour 2.1."""
    return msgspec.json.encode({"do": "leave", "id": request_id, "channels": list(names)})


def ack(frame: bytes) -> Ack | None:
    """Read the answer to a request; None for every other frame, whatever it holds."""
    if frame.startswith(b'{"ch"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    # Harbour 2.3: a request that cannot be read is answered with the number 0.
    return Ack(answer.re or NO_REQUEST, "" if answer.ok else answer.why or "refused")


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the venue announces the end of this connection. Harbour 1.5."""
    try:
        return _notice.decode(frame).notice == "closing"
    except (ValueError, RecursionError):
        return False
