"""What OKX's frames must become: spot, swaps and futures (PROTOCOLS 5.4)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar

from typing_extensions import override

from cryptoflow.verify.frames import Contract, Expected, Row, converted, exact, product
from cryptoflow.verify.venues._reader import KEYS, VALUES, Reader

_MS = 1_000_000
_HOUR_MS = 3_600_000
_FACTS = ("mark_price", "index_price", "funding_rate", "open_interest")
_KINDS = {
    "trades": "trades", "trades-all": "trades", "bbo-tbt": "quotes", "tickers": "quotes", "books": "book",
    "funding-rate": "funding", "mark-price": "funding", "open-interest": "funding", "index-tickers": "funding",
    "liquidation-orders": "liquidations",
}  # fmt: skip


class _Okx(Reader):
    """Read what the three markets send alike."""

    exchange = "okx"
    keys = {  # noqa: RUF012 - as declared in Reader
        **KEYS,
        "quotes": ("exchange_ns", "update_id"),
        "funding": ("exchange_ns", *_FACTS),
        "liquidations": ("exchange_ns", "side", "position", "size", "price"),
    }
    values = {  # noqa: RUF012 - as declared in Reader
        **VALUES,
        "book_deltas": ("side", "level", "price", "size", "prev_update_id", "exchange_ns"),
        "funding": ("next_funding_ns", "interval_hours"),
        "liquidations": ("base_size",),
    }
    proofs = {"book_deltas": "chain"}  # noqa: RUF012 - as declared in Reader
    counts_contracts: ClassVar[bool] = True

    @override
    def expected(self, payload: bytes | str) -> list[Expected]:
        told = json.loads(payload)
        if "event" in told:
            return []
        channel, name = told["arg"]["channel"], told["arg"].get("instId", "")
        kind = _KINDS.get(channel, "")
        if kind == "trades":
            return [self._fill(name, entry, channel) for entry in told["data"]]
        if kind == "quotes":
            return [_quote(name, entry) for entry in told["data"]]
        if kind == "book":
            return [_book(name, entry, told["action"]) for entry in told["data"]]
        if kind == "funding":
            return [_fact(name, entry) for entry in told["data"]]
        # Instruments that are not listed are nobody's rows.
        known = [entry for entry in told["data"] if entry["instId"] in self.contracts] if kind else []
        return [self._closed(entry["instId"], detail) for entry in known for detail in entry["details"]]

    def _worth(self, symbol: str, price: str, size: str) -> tuple[str | None, str | None]:
        if not self.counts_contracts:
            return size, product(price, size)
        return converted(price, size, self.contracts.get(symbol))

    def _fill(self, symbol: str, entry: dict[str, Any], channel: str) -> Expected:
        price, size = exact(entry["px"]), exact(entry["sz"])
        count = int(entry["count"]) if "count" in entry else 1 if channel == "trades-all" else None
        row = (price, size, *self._worth(symbol, price, size), entry["side"], count, int(entry["ts"]) * _MS)
        return Expected("trades", symbol, int(entry["tradeId"]), [row])

    def _closed(self, symbol: str, entry: dict[str, Any]) -> Expected:
        price, size = exact(entry["bkPx"]), exact(entry["sz"])
        position = entry["posSide"] if entry["posSide"] in {"long", "short"} else None
        position = position or {"sell": "long", "buy": "short"}[entry["side"]]
        key = (int(entry["ts"]) * _MS, entry["side"], position, size, price)
        return Expected("liquidations", symbol, key, [(self._worth(symbol, price, size)[0],)])

    @override
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        channel, _, name = stream.partition(":")
        kind = _KINDS.get(channel)
        return [(kind, "" if kind == "liquidations" else name)] if kind else []

    @override
    def answer(self, symbol: str, body: str) -> Expected:
        (data,) = json.loads(body)["data"]
        return _snapshot(symbol, data)

    @override
    def instruments(self, body: str) -> None:
        for entry in json.loads(body)["data"]:
            if entry["ctVal"]:
                value = Decimal(entry["ctVal"]) * Decimal(entry["ctMult"])
                self.contracts[entry["instId"]] = Contract(value, inverse=entry["ctType"] == "inverse")


class Spot(_Okx):
    """Read OKX spot: sizes are in the base asset."""

    market = "spot"
    counts_contracts = False


class Swap(_Okx):
    """Read OKX perpetual swaps."""

    market = "swap"


class Futures(_Okx):
    """Read OKX dated futures."""

    market = "futures"


def _side(price: str, size: str) -> tuple[str | None, str | None]:
    return (exact(price), exact(size)) if price and exact(price) != "0" else (None, None)


def _quote(symbol: str, entry: dict[str, Any]) -> Expected:
    at = int(entry["ts"]) * _MS
    if "asks" in entry:
        best = [_side(*entry[side][0][:2]) if entry[side] else (None, None) for side in ("bids", "asks")]
    else:
        best = [_side(entry["bidPx"], entry["bidSz"]), _side(entry["askPx"], entry["askSz"])]
    return Expected("quotes", symbol, (at, entry.get("seqId")), [(*best[0], *best[1], at)])


def _levels(entry: dict[str, Any]) -> list[Row]:
    return [
        (side, place, exact(level[0]), exact(level[1]))
        for side, levels in (("bid", entry["bids"]), ("ask", entry["asks"]))
        for place, level in enumerate(levels)
    ]


def _snapshot(symbol: str, entry: dict[str, Any]) -> Expected:
    return Expected("book_snapshots", symbol, (entry.get("seqId"), int(entry["ts"]) * _MS), _levels(entry))


def _book(symbol: str, entry: dict[str, Any], action: str) -> Expected:
    if action == "snapshot":
        return _snapshot(symbol, entry)
    prev, last = entry["prevSeqId"], entry["seqId"]
    rows = [(*level, prev, int(entry["ts"]) * _MS or None) for level in _levels(entry)]
    return Expected("book_deltas", symbol, last, rows, prev + 1, last)


def _fact(symbol: str, entry: dict[str, Any]) -> Expected:
    wire = {"mark_price": "markPx", "index_price": "idxPx", "funding_rate": "fundingRate", "open_interest": "oi"}
    facts = [exact(entry[wire[name]]) if entry.get(wire[name]) else None for name in _FACTS]
    due, after = int(entry.get("fundingTime") or 0), int(entry.get("nextFundingTime") or 0)
    hours = (after - due) // _HOUR_MS if due and after > due and not (after - due) % _HOUR_MS else None
    return Expected("funding", symbol, (int(entry["ts"]) * _MS, *facts), [(due * _MS or None, hours)])


READERS = (Spot, Swap, Futures)
