"""What frames of Bybit mean, spot and linear (PROTOCOLS 4). The topic tells the symbol."""

from __future__ import annotations

import functools
from typing import Any

from strict_reading import (
    IN_BASE,
    NS_PER_MS,
    Meant,
    RefusedError,
    Row,
    digits,
    entries,
    fill,
    known,
    ladder,
    member,
    millis,
    millis_or_none,
    one_of,
    pair,
    read,
    row,
    said,
    said_or_none,
    text,
    whole,
)

_CHANNELS = {
    "publicTrade": "trades", "orderbook.1": "quotes", "orderbook.200": "book_deltas", "orderbook.50": "book_deltas",
    "orderbook.1000": "book_deltas", "tickers": "funding", "allLiquidation": "liquidations",
}  # fmt: skip
_DERIVATIVES = frozenset({"funding", "liquidations"})
_RESTARTED = 1


class Reader:
    """Read the frames of one market."""

    def __init__(self, market: str, bodies: list[bytes]) -> None:
        """Take the market; sizes are in the base coin, so nothing is learnt of contracts."""
        del bodies
        self.linear = market == "linear"

    def meant(self, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a frame means."""
        del received_ns
        told = read(frame)
        channel, _, symbol = text(told, "topic").rpartition(".")
        record = _CHANNELS.get(channel, "")
        if not symbol or not record or (record in _DERIVATIVES and not self.linear):
            raise RefusedError(f"topic {told['topic'][:40]!r}")
        data = member(told, "data")
        if record == "book_deltas" and (
            # PROTOCOLS 4.6.3: an update numbered 1 is a whole book.
            told.get("type") == "snapshot" or (type(data) is dict and data.get("u") == str(_RESTARTED))
        ):
            record = "book_snapshots"
        reads = {
            "trades": _trades, "quotes": _quote, "book_deltas": _deltas, "book_snapshots": _snapshot,
            "funding": _ticker, "liquidations": _liquidations,
        }  # fmt: skip
        return [Meant(record, symbol, functools.partial(reads[record], told))]

    def body(self, kind: str, symbol: str, frame: bytes, received_ns: int) -> list[Meant]:
        """Say what a REST book means."""
        del kind, received_ns
        told = read(frame)
        return [Meant("book_snapshots", symbol, lambda: _rest(told))]


def _trades(told: Any) -> list[Row]:
    return [
        fill(
            said(one, "p"), said(one, "v"), IN_BASE, trade_id=_name(one), count=1,
            side=one_of(one, "S", "Buy", "Sell").lower(),  # PROTOCOLS 1.2
            exchange_ns=millis(one, "T"),
        )
        for one in entries(told, "data")
    ]  # fmt: skip


def _name(trade: Any) -> str:
    name = text(trade, "i")
    if not name:
        raise RefusedError("no id")
    return name


def _liquidations(told: Any) -> list[Row]:
    rows = []
    for one in entries(told, "data"):
        held = one_of(one, "S", "Buy", "Sell")  # PROTOCOLS 1.3: the position's side
        rows.append(
            row(
                price=said(one, "p"), size=said(one, "v"), base_size=said(one, "v"),
                side="sell" if held == "Buy" else "buy", position="long" if held == "Buy" else "short",
                exchange_ns=millis(one, "T"),
            )
        )  # fmt: skip
    return rows


def _time(of: Any) -> int | None:
    changed, sent = millis_or_none(of, "cts"), millis_or_none(of, "ts")
    return sent if changed is None else changed


def _book(data: Any, at: int | None, **ids: int) -> list[Row]:
    known(data, dict)
    return ladder(map(pair, entries(data, "b")), map(pair, entries(data, "a")), exchange_ns=at, **ids)


def _quote(told: Any) -> list[Row]:
    one_of(told, "type", "snapshot")
    millis(told, "ts")
    data = known(told["data"], dict)
    sides = [[pair(level) for level in entries(data, key)] for key in ("b", "a")]
    if max(map(len, sides)) > 1:
        raise RefusedError("a side has several levels")
    bid, ask = (side[0] if side else (None, None) for side in sides)
    return [
        row(
            bid_price=bid[0], bid_size=bid[1], ask_price=ask[0], ask_size=ask[1], update_id=whole(data, "u"),
            exchange_ns=_time(told),
        )
    ]  # fmt: skip


def _deltas(told: Any) -> list[Row]:
    one_of(told, "type", "delta")
    millis(told, "ts")
    number = whole(told["data"], "u")
    return _book(told["data"], _time(told), first_update_id=number, last_update_id=number)


def _snapshot(told: Any) -> list[Row]:
    return _book(told["data"], _time(told), last_update_id=whole(told["data"], "u"))


def _rest(told: Any) -> list[Row]:
    if known(told, dict).get("data") is not None:
        return _snapshot(told)  # as the stream sends it
    result = known(member(told, "result"), dict)
    return _book(result, _time(result), last_update_id=whole(result, "u"))


def _ticker(told: Any) -> list[Row]:
    one_of(told, "type", "snapshot", "delta")
    data = known(told["data"], dict)
    due, hours = (
        digits(text(data, key), 15) if data.get(key) else 0 for key in ("nextFundingTime", "fundingIntervalHour")
    )
    found = row(
        mark_price=said_or_none(data, "markPrice"), index_price=said_or_none(data, "indexPrice", signed=True),
        funding_rate=said_or_none(data, "fundingRate", signed=True), next_funding_ns=due * NS_PER_MS or None,
        interval_hours=hours or None, open_interest=said_or_none(data, "openInterest"),
    )  # fmt: skip
    return [{**found, "exchange_ns": millis(told, "ts")}] if found else []
