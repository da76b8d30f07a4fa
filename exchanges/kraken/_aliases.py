"""Kraken: assets that the venue names differently in its older interfaces. PROTOCOLS 1.6, 7.1.6."""

from __future__ import annotations

import msgspec

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}

ERROR_TEXT_MAX_CHARS = 200


def asset(name: str) -> str:
    """Return an asset's usual name in upper case: BTC for XBT, DOGE for XDG, all others as they are."""
    upper = name.upper()
    return ALIASES.get(upper, upper)


class _Refusal(msgspec.Struct):
    error: list[str] | str = ""


_refusal = msgspec.json.Decoder(_Refusal)


def refusal(body: bytes) -> str:
    """Read the errors of a REST answer, which come with status 200; "" where there are none. PROTOCOLS 7.1.3, 7.2.2.

    Spot sends `{"error":["EAPI:Rate limit exceeded"]}`, futures `{"result":"error","error":"apiLimitExceeded"}`.
    """
    try:
        told = _refusal.decode(body).error
    except (ValueError, RecursionError):
        return ""
    texts = [told] if isinstance(told, str) else told
    # "W…" would be a warning beside a result; the venue's errors begin with E.
    return ", ".join(text for text in texts if text and not text.startswith("W"))[:ERROR_TEXT_MAX_CHARS]
