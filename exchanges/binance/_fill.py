"""Binance: cut an answer of trades by id into frames."""

from __future__ import annotations

import msgspec

from exchanges.binance._messages import Id

_list = msgspec.json.Decoder(list[msgspec.Raw])
_by_key = {key: msgspec.json.Decoder(msgspec.defstruct(f"Only_{key}", [(key, Id)])) for key in ("a", "id")}


def entries(body: bytes, key: str) -> list[tuple[int, bytes]]:
    """Return (id, raw entry) of a list of trades in rising order; `key` names the id, `a` or `id`.

    Raises ValueError or RecursionError.
    """
    read = _by_key[key].decode
    return sorted((getattr(read(raw), key), bytes(raw)) for raw in _list.decode(body))
