"""What agents ask producers for on the topic `control.reseed`: a book's snapshot, or trades by id."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ReseedRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask for what a symbol lacks, found at a raw offset and at `broken_at_ns`, a receive time of the log.

    Kind `book` asks for a new snapshot. Kind `trades` asks for the trades from `from_id` to `to_id`,
    both included; both are then set. A request is made once, when the hole is found, and again when a
    worker that starts over reads the same records again: who serves it serves a repeat once.
    """

    exchange: str
    market: str
    symbol: str
    broken_at_ns: int
    kind: Literal["book", "trades"] = "book"
    from_id: Id | None = None
    to_id: Id | None = None
    raw_topic: str = ""
    raw_partition: int = -1
    raw_offset: int = -1


_decode = msgspec.json.Decoder(ReseedRequest).decode
encode_reseed = msgspec.json.Encoder().encode


def decode_reseed(value: bytes) -> ReseedRequest:
    """Decode a request. Raises ValueError (msgspec's DecodeError) or RecursionError."""
    request = _decode(value)
    if request.kind == "trades" and (request.from_id is None or request.to_id is None):
        raise ValueError("decoding a request for trades: it names no ids")
    return request
