"""Kraken spot: native symbols, canonical names and volumes, from REST alone. PROTOCOLS 1.6, 7.1.6."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from exchanges._sightings import saw
from exchanges.kraken._aliases import asset
from exchanges.kraken.spot.messages import AssetPair
from schemas import InstrumentDefinition

# Order kinds that are refused in these states do not stop trades, quotes and books.
_TRADING = frozenset({"online", "post_only", "limit_only", "reduce_only"})


class _Pairs(msgspec.Struct):
    """`{"error":[],"result":{"XXBTZUSD":{…},"XETHZUSD":{…}}}`; each entry stays bytes."""

    result: dict[str, msgspec.Raw]


class _Name(msgspec.Struct):
    wsname: str = ""


class _Ticker(msgspec.Struct):
    """`{"v":["120.10000000","1500.10000000"],"p":["60010.0","59900.2"]}`: today's figure, then that of 24 hours."""

    v: tuple[str, str]
    p: tuple[str, str]


class _Tickers(msgspec.Struct):
    result: dict[str, _Ticker]


_pairs = msgspec.json.Decoder(_Pairs)
_name = msgspec.json.Decoder(_Name)
_pair = msgspec.json.Decoder(AssetPair)
_tickers = msgspec.json.Decoder(_Tickers)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every pair of an AssetPairs body with its own JSON, byte for byte.

    Several keys may stand for one pair: the first counts. A pair without `wsname` is not served on the
    socket and is left out. Raises ValueError or RecursionError.
    """
    found: dict[str, tuple[InstrumentDefinition, bytes]] = {}
    for raw in _pairs.decode(body).result.values():
        entry = bytes(raw)
        if "/" in _name.decode(entry).wsname:
            definition = instrument(entry)
            found.setdefault(definition.native_symbol, (definition, entry))
    return list(found.values())


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of AssetPairs. Raises ValueError or RecursionError."""
    pair = _pair.decode(entry)
    base, slash, quote = pair.name.partition("/")
    if not base or not slash or not quote:
        raise ValueError(f"reading a pair: {pair.name[:100]!r} is not BASE/QUOTE")
    base, quote = asset(base), asset(quote)  # PROTOCOLS 7.1.6: WebSocket v2 only knows BTC/USD
    return InstrumentDefinition(
        native_symbol=f"{base}/{quote}",
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        settle=quote,
        kind="spot",
        status=pair.status,
        contract_value="1",  # PROTOCOLS 1.7: sizes are in the base asset
        tick_size=pair.tick_size or _unit(pair.price_decimals),
        step_size=_unit(pair.size_decimals),
        price_decimals=pair.price_decimals,
        size_decimals=pair.size_decimals,
        is_trading=pair.status in _TRADING,
    )


def _unit(decimals: int) -> str:
    return format(Decimal(1).scaleb(-decimals), "f")


def volumes(body: bytes) -> dict[str, Decimal]:
    """Return the value traded in 24 hours, in the quote asset: volume times its average price.

    A key without a slash (`XXBTZUSD`) names no pair of the socket and is left out: nothing is sliced.
    Raises ValueError, RecursionError or decimal's ArithmeticError.
    """
    found: dict[str, Decimal] = {}
    for key, ticker in _tickers.decode(body).result.items():
        base, slash, quote = key.partition("/")
        if not slash:
            saw("PROTOCOLS 1.6", "tickers of Kraken spot are keyed by REST names, which tell no symbol")
            continue
        found[f"{asset(base)}/{asset(quote)}"] = Decimal(ticker.v[1]) * Decimal(ticker.p[1])
    return found
