"""Tell where a frame belongs and whether it can travel as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from exchanges import Routed
from producers._balance import UNROUTED

CONNECTION_SYMBOL = "_conn"
UNROUTED_FRAME = Routed(UNROUTED, "")

_NESTING_MARGIN = 200
"""Brackets put around a suspicious frame: its readers stand deeper on their stacks than we do."""

_skip = msgspec.json.Decoder(msgspec.Raw).decode


def is_json(raw: bytes) -> bool:
    """Tell whether these bytes are one UTF-8 JSON value that cannot spoil the envelope around it.

    As strict as the decoder of the envelope: no NaN, no lone surrogates, no bytes after the value.
    """
    try:
        if not raw.isascii():
            raw.decode()  # the decoder below skips strings without looking at their bytes
        _skip(raw)
        # Every bracket is closed here: what nests deeper than the margin has twice as many bytes.
        if len(raw) > 2 * _NESTING_MARGIN and raw.count(b"[") + raw.count(b"{") > _NESTING_MARGIN:
            _skip(b"[" * _NESTING_MARGIN + raw + b"]" * _NESTING_MARGIN)
    except (ValueError, RecursionError):
        return False
    return True


def routed_or_unrouted(route: Callable[[bytes], Routed], raw: bytes) -> Routed:
    """Route a frame; one that cannot be routed is `unrouted` and goes to the connection's lane."""
    try:
        return route(raw)
    except (ValueError, RecursionError):
        return UNROUTED_FRAME
