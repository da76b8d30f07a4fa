"""Wire structs of Harbour: what one frame decodes to, and nothing more. Harbour 3.

A field that is missing or of another type raises msgspec.ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
Millis = Annotated[int, Meta(ge=0, le=9_223_372_036_854)]


class Level(Struct, gc=False, array_like=True, forbid_unknown_fields=True):
    """Hold one level, `["101.50","3"]`; a size of 0 deletes it (Harbour 3.3)."""

    price: str
    size: str


class TradeFrame(Struct, gc=False):
    """Hold one fill (Harbour 3.1).

    `{"ch":"trades:AAA-BBB","at":1790000000000,"id":7,"px":"101.50","qty":"2","taker":"buy"}`
    """

    at: Millis
    id: Id
    px: str
    qty: str
    taker: Literal["buy", "sell"]


class QuoteFrame(Struct, gc=False):
    """Hold the best bid and ask after a change (Harbour 3.2).

    `{"ch":"best:AAA-BBB","at":1790000000000,"seq":12,"bid":["101.50","3"],"ask":["101.60","1"]}`
    """

    at: Millis
    seq: Id
    bid: Level
    ask: Level


class BookFrame(Struct, gc=False):
    """Hold changed levels, or with `"whole":true` all of them (Harbour 3.3).

    `{"ch":"book:AAA-BBB","at":1790000000000,"seq":12,"bids":[["101.50","3"]],"asks":[]}`
    """

    at: Millis
    seq: Id
    bids: list[Level]
    asks: list[Level]


class BookIds(Struct, gc=False):
    """Read the number of a book frame without its levels, and whether it is the whole book."""

    seq: Id
    whole: bool = False


class Instrument(Struct):
    """Hold one entry of `/instruments` (Harbour 4).

    `{"id":"AAA-BBB","base":"AAA","quote":"BBB","tick":"0.01","lot":"0.001","open":true}`
    """

    id: str
    base: str
    quote: str
    tick: str
    lot: str
    open: bool
