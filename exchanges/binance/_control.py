"""Binance: requests, answers and notices, the same on both markets. PROTOCOLS 2.2, 3.2."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from exchanges._exchange import NO_REQUEST, Ack

ERROR_TEXT_MAX_CHARS = 200


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    """`{"result":null,"id":1}`, `{"code":2,"msg":"Invalid request","id":5}` or `{"error":{…},"id":5}`."""

    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: int | None = None
    msg: str = ""
    error: _Refusal | None = None


class _NoticeData(msgspec.Struct):
    e: str = ""


class _Notice(msgspec.Struct):
    """`{"e":"serverShutdown","E":1790000000000}` or `{"stream":"!serverShutdown","data":{…}}`."""

    e: str = ""
    stream: str = ""
    data: _NoticeData | None = None


_answer = msgspec.json.Decoder(_Answer)
_notice = msgspec.json.Decoder(_Notice)


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams by name."""
    return msgspec.json.encode({"method": "SUBSCRIBE", "params": list(names), "id": request_id})


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams up by name."""
    return msgspec.json.encode({"method": "UNSUBSCRIBE", "params": list(names), "id": request_id})


def ack(frame: bytes) -> Ack | None:
    """Read the answer to a request; None for every other frame, whatever it holds.

    An accepted subscription proves nothing yet: the venue acknowledges streams that stay silent.
    """
    if frame.startswith(b'{"stream"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    refused = answer.error or (_Refusal(answer.code, answer.msg) if answer.code is not None else None)
    if refused is not None:
        number = answer.id if isinstance(answer.id, int) else NO_REQUEST
        return Ack(number, f"{refused.code} {refused.msg}"[:ERROR_TEXT_MAX_CHARS])
    if answer.result is msgspec.UNSET or not isinstance(answer.id, int):
        return None
    return Ack(answer.id)


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the venue announces the end of this connection: open another, then close it."""
    if b"serverShutdown" not in frame:
        return False
    try:
        notice = _notice.decode(frame)
    except (ValueError, RecursionError):
        return False
    inner = notice.data.e if notice.data else ""
    return notice.stream == "!serverShutdown" or "serverShutdown" in {notice.e, inner}
