"""Bybit: tell a frame's kind and symbol, and a book frame's update id. PROTOCOLS 4.2, 4.4, 4.6."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Peek, Routed, RouteError, Stream, StreamKind
from exchanges._names import is_said_once
from exchanges.bybit.messages import BookHeadFrame, Head

NAMES_CACHE_MAX = 65_536
"""Topics remembered; far more than one process subscribes."""

RESTART_ID = 1
"""`u` of the first update after the venue's service was started again (PROTOCOLS 4.6.3)."""

NS_PER_MS = 1_000_000
SNAPSHOT = "snapshot"

_TOPIC = b'"topic"'
_HEAD = b'{"topic":"'
_HEAD_BYTES = len(_HEAD)
_CONTROL = Routed(CONTROL, "")
_BOOK = StreamKind.BOOK.value


class _Operation(msgspec.Struct, gc=False):
    """`{"success":true,"ret_msg":"pong","req_id":"p1","op":"ping"}`; options answer without `op`."""

    op: str = ""
    type: str = ""


_head = msgspec.json.Decoder(Head)
_book = msgspec.json.Decoder(BookHeadFrame)
_operation = msgspec.json.Decoder(_Operation)


def router(streams: Sequence[Stream]) -> Callable[[bytes], Routed]:
    """Return what routes the frames of these streams; answers and pongs are `control`.

    A book frame is a snapshot when it says so, or when its `u` is 1 (PROTOCOLS 4.6.3). One that is
    broken behind its topic goes with the deltas: whoever decodes it will say so.
    """
    kinds = {stream.channel: stream.kind.value for stream in streams}

    @functools.lru_cache(maxsize=NAMES_CACHE_MAX)
    def place(topic: str) -> tuple[Routed, Routed | None] | None:
        """Return where a topic's frames go, and for a book where its snapshots go."""
        channel, _, symbol = topic.rpartition(".")
        kind = kinds.get(channel)
        if kind is None or not symbol:
            return None
        routed = Routed(kind, symbol, topic)
        return routed, Routed(BOOK_SNAPSHOT, symbol, topic) if kind == _BOOK else None

    def route(frame: bytes) -> Routed:
        """Tell where a frame belongs. Raises RouteError when kind and symbol cannot be told."""
        topic = _plain(frame)
        if topic is None:
            topic = _decoded(frame)
            if topic is None:
                return _CONTROL
        found = place(topic)
        if found is None:
            raise RouteError(f"routing a frame: topic {topic[:100]!r} is not one of ours")
        routed, snapshot = found
        return snapshot if snapshot is not None and _is_snapshot(frame) else routed

    return route


def _plain(frame: bytes) -> str | None:
    """Read the topic from the first bytes; None where it takes a full decode."""
    if not frame.startswith(_HEAD):
        return None
    end = frame.find(b'"', _HEAD_BYTES)
    name = frame[_HEAD_BYTES:end]
    return name.decode() if end > 0 and name.isascii() and is_said_once(frame, _TOPIC, end) else None


def _decoded(frame: bytes) -> str | None:
    """Read the topic of any frame; None for answers. Raises RouteError."""
    try:
        # PROTOCOLS 4.2: a pong is a JSON frame like data; what has an operation has no topic.
        operation = _operation.decode(frame)
        if operation.op or operation.type == "COMMAND_RESP":
            return None
        return _head.decode(frame).topic
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error


def _is_snapshot(frame: bytes) -> bool:
    try:
        head = _book.decode(frame)
    except (ValueError, RecursionError):
        return False
    return head.type == SNAPSHOT or (head.data is not None and head.data.update_id == RESTART_ID)


def peek_book(frame: bytes) -> Peek:
    """Read the update id of a book frame or REST body without its levels. Raises ValueError or RecursionError.

    Each update takes one id (PROTOCOLS 4.6.5 (!)), so a delta begins and ends at it.
    """
    head = _book.decode(frame)
    data = head.data or head.result
    if data is None:
        raise ValueError("reading a book: it has neither data nor result")
    last = data.update_id
    if head.result is not None or head.type == SNAPSHOT or last == RESTART_ID:
        at_ms = head.sent_ms if head.changed_ms is None else head.changed_ms
        return Peek(-1, last, -1, snapshot=True, at_ns=-1 if at_ms is None else at_ms * NS_PER_MS)
    return Peek(last, last, -1)
