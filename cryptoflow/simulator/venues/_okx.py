"""OKX: names, definitions and error bodies that session, voice and venue share. PROTOCOLS 5."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptoflow.simulator.venues._listed import completed
from cryptoflow.simulator.venues._values import Listing, RestAnswer

TYPES = {"spot": "SPOT", "swap": "SWAP", "futures": "FUTURES"}
"""The venue's name of each market."""

MARKETS = {name: market for market, name in TYPES.items()}
KINDS = {
    "trades": "trades",
    "trades-all": "trades",
    "bbo-tbt": "quotes",
    "tickers": "quotes",
    "books": "book",
    "funding-rate": "funding",
    "mark-price": "funding",
    "open-interest": "funding",
    "index-tickers": "funding",
    "liquidation-orders": "liquidations",
}
"""What a channel carries."""

INDEX = "index-tickers"
FOLLOWERS = ("swap", "futures")
"""Markets whose contracts follow an index; one that contracts of both follow is the first one's."""

LIQUIDATIONS = "liquidation-orders"
_DATED_PARTS = 3


def market_of(instrument: str) -> str:
    """Return the market of an instrument, "" for an option; spelling is all that recorded frames tell."""
    parts = instrument.count("-") + 1
    if instrument.endswith("-SWAP"):
        return "swap"
    return "" if parts > _DATED_PARTS else "futures" if parts == _DATED_PARTS else "spot"


def follows(instrument: str, index: str) -> bool:
    """Tell by spelling whether a contract follows an index."""
    return instrument.startswith(f"{index}-")


def listed(bodies: Sequence[bytes], listings: Sequence[Listing]) -> bytes | None:
    """Return recorded instruments of a market as one body that holds every recorded symbol."""
    made = {listing.symbol: instrument(listing) for listing in listings}
    return completed(bodies, lambda told: told["data"], lambda entry: str(entry["instId"]), made)


def underlying(listing: Listing) -> str:
    """Return what a contract follows, which is also its index."""
    return f"{listing.base}-{listing.quote}"


def step(decimals: int) -> str:
    """Return the smallest step of so many decimals: "0.01"."""
    return f"0.{'1':0>{decimals}}" if decimals else "1"


def instrument(listing: Listing) -> dict[str, str]:
    """Return the definition of an instrument (PROTOCOLS 1.6)."""
    contract = listing.market != "spot"
    multiplier = "10" if listing.contract_value.endswith("0") and contract else "1"
    value = format(Decimal(listing.contract_value) / Decimal(multiplier), "f") if contract else ""
    return {
        "instType": TYPES[listing.market],
        "instId": listing.symbol,
        "uly": underlying(listing) if contract else "",
        "instFamily": underlying(listing) if contract else "",
        "baseCcy": "" if contract else listing.base,
        "quoteCcy": "" if contract else listing.quote,
        "settleCcy": listing.settle if contract else "",
        "ctVal": value,
        "ctMult": multiplier if contract else "",
        "ctValCcy": (listing.quote if listing.inverse else listing.base) if contract else "",
        "ctType": ("inverse" if listing.inverse else "linear") if contract else "",
        "expTime": str(listing.expires_ms) if listing.expires_ms else "",
        "tickSz": step(listing.price_decimals),
        "lotSz": step(listing.size_decimals),
        "state": "live",
    }


def volume(listing: Listing, number: int) -> dict[str, str]:
    """Return the ticker that tells a day's volume."""
    return {"instType": TYPES[listing.market], "instId": listing.symbol, "last": "2", "volCcy24h": str(1000 * number)}


def body(data: Sequence[object]) -> bytes:
    """Return an accepted answer."""
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})


def error(status: int, code: str, text: str) -> RestAnswer:
    """Return a refused answer; the code in the body is what counts (PROTOCOLS 5.3)."""
    return RestAnswer(status, msgspec.json.encode({"code": code, "msg": text, "data": []}))


def left_by(frames: Sequence[bytes]) -> bytes:
    """Return the snapshot that recorded frames of a book leave, standing where the last one does."""
    sides: dict[str, dict[Decimal, list[str]]] = {"asks": {}, "bids": {}}
    told: dict[str, Any] = {}
    for frame in frames:
        told = json.loads(frame)
        (data,) = told["data"]
        for name, levels in sides.items():
            if told["action"] == "snapshot":
                levels.clear()
            for level in data[name]:
                levels[Decimal(level[0])] = level
                if not Decimal(level[1]):
                    del levels[Decimal(level[0])]
    (data,) = told["data"]
    data |= {
        name: [levels[price] for price in sorted(levels, reverse=name == "bids")] for name, levels in sides.items()
    }
    if "prevSeqId" in data:
        data["prevSeqId"] = -1
    return msgspec.json.encode({"arg": told["arg"], "action": "snapshot", "data": [data]})
