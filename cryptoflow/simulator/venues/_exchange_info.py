"""A synthetic exchangeInfo for symbols that no recording defines, marked as such in every symbol."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cryptoflow.simulator.venues._values import Listing

MARK = "x_synthetic"
QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "USD")
_FAR_FUTURE_MS = 4_133_404_800_000


def quote_asset(symbol: str) -> str:
    """Tell the quote asset of a symbol nobody defines, by the known ones."""
    return next((asset for asset in QUOTE_ASSETS if symbol.endswith(asset) and symbol != asset), "USDT")


def perpetual(listing: Listing) -> dict[str, object]:
    """Return one USD-M perpetual."""
    return {
        **_common(listing),
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _FAR_FUTURE_MS,
        "onboardDate": 0,
        "marginAsset": listing.quote,
        "pricePrecision": listing.price_decimals,
        "quantityPrecision": listing.size_decimals,
        "underlyingType": "COIN",
    }


def pair(listing: Listing) -> dict[str, object]:
    """Return one spot pair."""
    return {**_common(listing), "isSpotTradingAllowed": True, "permissions": [], "permissionSets": [["SPOT"]]}


def _common(listing: Listing) -> dict[str, object]:
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": step(listing.price_decimals)},
            {"filterType": "LOT_SIZE", "stepSize": step(listing.size_decimals)},
        ],
        MARK: True,
    }


def exchange_info(symbols: Sequence[dict[str, object]], weight_max: int, now_ms: int) -> bytes:
    """Return the whole answer."""
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_max}
    return msgspec.json.encode(
        {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [limit], "symbols": symbols, MARK: True}
    )


def completed(recorded: bytes, symbols: Sequence[dict[str, object]]) -> bytes:
    """Return a recorded answer untouched when it has all symbols, else with synthetic ones added."""
    known = {str(entry["symbol"]) for entry in msgspec.json.decode(recorded)["symbols"]}
    missing = [entry for entry in symbols if entry["symbol"] not in known]
    if not missing:
        return recorded
    answer = msgspec.json.decode(recorded)
    answer["symbols"] += missing
    answer[MARK] = [entry["symbol"] for entry in missing]
    return msgspec.json.encode(answer)


def step(decimals: int) -> str:
    """Return the smallest step with so many decimals."""
    return f"0.{'1'.rjust(decimals, '0')}" if decimals else "1"
