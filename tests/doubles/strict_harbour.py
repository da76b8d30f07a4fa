"""What frames of Harbour mean, the invented venue of the examples."""

from __future__ import annotations

from typing import Any

from strict_reading import (
    IN_BASE,
    Meant,
    RefusedError,
    Row,
    entries,
    fill,
    ladder,
    member,
    millis,
    one_of,
    pair,
    read,
    row,
    said,
    text,
    truth,
    whole,
)


class Reader:
    """Read the frames of its one market."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Learn nothing: sizes are in the base asset."""
        del market, bodies

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame means. Harbour 3."""
        del received_ns
        told = read(frame)
        channel, _, symbol = text(told, "ch").partition(":")
        if not symbol:
            raise RefusedError("no symbol")
        if channel == "trades":
            return [Meant("trades", symbol, lambda: _trade(told))]
        if channel == "best":
            return [Meant("quotes", symbol, lambda: _quote(told))]
        if channel != "book":
            raise RefusedError(f"channel {channel[:40]!r}")
        if "whole" in told and truth(told, "whole"):
            return [Meant("book_snapshots", symbol, lambda: _book(told, last_update_id=whole(told, "seq")))]
        seq = {"first_update_id": "seq", "last_update_id": "seq"}
        return [
            Meant("book_deltas", symbol, lambda: _book(told, **{name: whole(told, key) for name, key in seq.items()}))
        ]


def _trade(told: Any) -> list[Row]:
    return [
        fill(
            said(told, "px"), said(told, "qty"), IN_BASE, trade_id=str(whole(told, "id")), count=1,
            side=one_of(told, "taker", "buy", "sell"), exchange_ns=millis(told, "at"),
        )
    ]  # fmt: skip


def _quote(told: Any) -> list[Row]:
    (bid, bid_size), (ask, ask_size) = pair(member(told, "bid")), pair(member(told, "ask"))
    return [
        row(
            bid_price=bid, bid_size=bid_size, ask_price=ask, ask_size=ask_size,
            update_id=whole(told, "seq"), exchange_ns=millis(told, "at"),
        )
    ]  # fmt: skip


def _book(told: Any, **ids: int) -> list[Row]:
    bids, asks = map(pair, entries(told, "bids")), map(pair, entries(told, "asks"))
    return ladder(bids, asks, exchange_ns=millis(told, "at"), **ids)
