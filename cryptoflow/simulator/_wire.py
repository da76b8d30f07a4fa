"""What the venue's sockets speak: paths, endpoints, control frames and server framing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

PUBLIC, MARKET, LEGACY = "public", "market", "legacy"
_SHORT, _MEDIUM = 126, 65536
TEXT, BINARY = 0x81, 0x82


@dataclass(frozen=True, slots=True)
class Opening:
    """Hold what a connection's URL says: endpoint, envelope, streams."""

    endpoint: str
    combined: bool
    streams: tuple[str, ...]


def opening(path: str) -> Opening | None:
    """Read a request path (PROTOCOLS 3.1); None when the venue has no such path."""
    parts = urlsplit(path)
    segments = [part for part in parts.path.split("/") if part]
    endpoint = LEGACY
    if segments and segments[0] in {PUBLIC, MARKET}:
        endpoint = segments.pop(0)
    if segments == ["stream"]:
        asked = parse_qs(parts.query).get("streams", [""])[0]
        return Opening(endpoint, True, tuple(name for name in asked.split("/") if name))
    if segments and segments[0] == "ws":
        return Opening(endpoint, False, tuple(unquote(name) for name in segments[1:]))
    return None


def served_by(endpoint: str, stream: str, *, legacy_serves_all: bool) -> bool:
    """Tell whether data of a stream flows on an endpoint; elsewhere it is acked and silent."""
    channel = stream.partition("@")[2] or stream
    public = channel.startswith(("bookTicker", "depth", "rpiDepth", "!bookTicker")) or channel == "trade"
    if endpoint == LEGACY:
        return legacy_serves_all or public
    return (endpoint == PUBLIC) == public


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return the header of an unmasked, unfragmented server frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < _SHORT:
        return bytes((opcode, size))
    if size < _MEDIUM:
        return bytes((opcode, 126)) + size.to_bytes(2, "big")
    return bytes((opcode, 127)) + size.to_bytes(8, "big")


def unwrapped(payload: bytes) -> bytes:
    """Return the `data` of a combined-stream message as the `/ws` paths send it."""
    start = payload.find(b'"data":')
    return payload if start < 0 else payload[start + 7 : -1]


class Command(msgspec.Struct):
    """Hold one control frame of a client (PROTOCOLS 2.2)."""

    method: str
    params: list[str | bool] = []
    id: int | str | None = None


_decoder = msgspec.json.Decoder(Command)


def command(message: str | bytes) -> Command | bytes:
    """Read a control frame; bytes are the venue's error answer."""
    try:
        return _decoder.decode(message)
    except msgspec.ValidationError as error:
        return msgspec.json.encode({"code": 2, "msg": f"Invalid request: {error}"})
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return msgspec.json.encode({"code": 3, "msg": f"Invalid JSON: {error}"})


def ack(request_id: int | str | None, result: object = None) -> bytes:
    """Return an acknowledgement."""
    return msgspec.json.encode({"result": result, "id": request_id})


def refusal(request_id: int | str | None, text: str) -> bytes:
    """Return an error answer."""
    return msgspec.json.encode({"code": 2, "msg": f"Invalid request: {text}", "id": request_id})
