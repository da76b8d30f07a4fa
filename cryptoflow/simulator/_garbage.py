"""Garbage a venue or a wire could send in place of a frame; the frame's own bytes are lost by it."""

from __future__ import annotations

import re
from collections.abc import Callable

from cryptoflow.simulator._wire import BINARY, TEXT

_NUMBER = re.compile(rb'"(p|q|b|B|a|A)":"[^"]*"|\["[0-9.]+","[0-9.]+"')
_FIELD = re.compile(rb',"u":[0-9]+|,"p":"[^"]*"')


def spoil(payload: bytes, variant: str) -> tuple[bytes, int]:
    """Return the garbage bytes and the opcode to send them with. Raises KeyError for no such variant."""
    return _SPOILERS[variant](payload), BINARY if variant == "not_utf8_binary" else TEXT


def _huge(match: re.Match[bytes]) -> bytes:
    return _replaced(match, b"1e50000000")


def _negative(match: re.Match[bytes]) -> bytes:
    return _replaced(match, b"-7")


def _replaced(match: re.Match[bytes], value: bytes) -> bytes:
    text = match.group(0)
    if text.startswith(b"["):
        return b'["1","' + value + b'"'
    return text[: text.index(b":")] + b':"' + value + b'"'


_SPOILERS: dict[str, Callable[[bytes], bytes]] = {
    "broken_json": lambda payload: payload[: len(payload) * 2 // 3],
    "not_utf8_text": lambda payload: payload[:-2] + b'\xff\xfe"}',
    "not_utf8_binary": lambda payload: b"\xc3\x28" + payload,
    "missing_field": lambda payload: _FIELD.sub(b"", payload, count=1),
    "huge_number": lambda payload: _NUMBER.sub(_huge, payload, count=1),
    "negative": lambda payload: _NUMBER.sub(_negative, payload, count=1),
    "deep_nesting": lambda payload: b"[" * 100_000 + payload,
}
VARIANTS = tuple(_SPOILERS)
