"""A synthetic exchangeInfo for symbols that no recording defines, marked as such in every symbol."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cryptoflow.simulator.options import QUOTE_ASSETS

MARK = "x_synthetic"
_FAR_FUTURE_MS = 4_133_404_800_000


def definition(symbol: str, price_decimals: int, size_decimals: int = 3) -> dict[str, object]:
    """Return one perpetual, with base and quote told apart by the known quote assets."""
    quote = next((asset for asset in QUOTE_ASSETS if symbol.endswith(asset) and symbol != asset), "USDT")
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _FAR_FUTURE_MS,
        "onboardDate": 0,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix(quote),
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": price_decimals,
        "quantityPrecision": size_decimals,
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": _step(price_decimals)},
            {"filterType": "LOT_SIZE", "stepSize": _step(size_decimals)},
        ],
        MARK: True,
    }


def exchange_info(price_decimals: Mapping[str, int], weight_max: int, now_ms: int) -> bytes:
    """Return the whole answer for symbols given with their price decimals."""
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_max}
    symbols = [definition(symbol, decimals) for symbol, decimals in price_decimals.items()]
    return msgspec.json.encode(
        {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [limit], "symbols": symbols, MARK: True}
    )


def completed(recorded: bytes, price_decimals: Mapping[str, int]) -> bytes:
    """Return a recorded answer untouched when it has all symbols, else with synthetic ones added."""
    known = {str(entry["symbol"]) for entry in msgspec.json.decode(recorded)["symbols"]}
    missing = [symbol for symbol in price_decimals if symbol not in known]
    if not missing:
        return recorded
    answer = msgspec.json.decode(recorded)
    answer["symbols"] += [definition(symbol, price_decimals[symbol]) for symbol in missing]
    answer[MARK] = missing
    return msgspec.json.encode(answer)


def _step(decimals: int) -> str:
    return f"0.{'1'.rjust(decimals, '0')}" if decimals else "1"
