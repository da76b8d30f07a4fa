"""Garbage a venue or a wire could send in place of a frame; the frame's own bytes are lost by it."""

from __future__ import annotations

import re
from collections.abc import Callable

from cryptoflow.simulator._wire import BINARY, TEXT

_VALUE = re.compile(rb'"?-?[0-9][0-9.]*"?$')


def spoil(payload: bytes, variant: str, numbers: re.Pattern[bytes], fields: re.Pattern[bytes]) -> tuple[bytes, int]:
    """Return the garbage bytes and the opcode to send them with. Raises KeyError for no such variant.

    `numbers` finds a price or size, `fields` a field a frame cannot do without. A frame without
    either is broken off instead.
    """
    opcode = BINARY if variant == "not_utf8_binary" else TEXT
    made = _SPOILERS[variant](payload, numbers, fields)
    return (made if made != payload else _broken(payload, numbers, fields)), opcode


def _broken(payload: bytes, _numbers: re.Pattern[bytes], _fields: re.Pattern[bytes]) -> bytes:
    return payload[: len(payload) * 2 // 3]


def _number(value: bytes) -> Callable[[bytes, re.Pattern[bytes], re.Pattern[bytes]], bytes]:
    def replaced(payload: bytes, numbers: re.Pattern[bytes], _fields: re.Pattern[bytes]) -> bytes:
        return numbers.sub(lambda match: _with(match.group(0), value), payload, count=1)

    return replaced


def _with(text: bytes, value: bytes) -> bytes:
    """Put a value in place of the last number of a match, in quotes when it had them."""
    found = _VALUE.search(text)
    if found is None:
        return text
    quote = b'"' if text.endswith(b'"') else b""
    return text[: found.start()] + quote + value + quote


_SPOILERS: dict[str, Callable[[bytes, re.Pattern[bytes], re.Pattern[bytes]], bytes]] = {
    "broken_json": _broken,
    "not_utf8_text": lambda payload, _numbers, _fields: payload[:-2] + b'\xff\xfe"}',
    "not_utf8_binary": lambda payload, _numbers, _fields: b"\xc3\x28" + payload,
    "missing_field": lambda payload, _numbers, fields: fields.sub(b"", payload, count=1),
    "huge_number": _number(b"1e50000000"),
    "negative": _number(b"-7"),
    "deep_nesting": lambda payload, _numbers, _fields: b"[" * 100_000 + payload,
}
VARIANTS = tuple(_SPOILERS)
