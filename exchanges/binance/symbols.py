"""Binance USD-M: native symbols and canonical names, from exchangeInfo alone. PROTOCOLS 1.6."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from exchanges.binance.messages import Symbol
from schemas import InstrumentDefinition

NS_PER_MS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TRADING = "TRADING"
_PERPETUAL = frozenset({"PERPETUAL", "TRADIFI_PERPETUAL"})
_DATED = frozenset({"CURRENT_QUARTER", "NEXT_QUARTER"})


class _ExchangeInfo(msgspec.Struct):
    """`{"timezone":"UTC","serverTime":1790000000000,"symbols":[{…},{…}]}`; each entry stays bytes."""

    symbols: list[msgspec.Raw]


_exchange_info = msgspec.json.Decoder(_ExchangeInfo)
_symbol = msgspec.json.Decoder(Symbol)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every contract of an exchangeInfo body with its own JSON, byte for byte.

    Entries of a contract type that PROTOCOLS 1.6 does not list (the venue sends "" for one not
    trading yet) have no canonical name and are left out. Raises ValueError or RecursionError.
    """
    found = []
    for raw in _exchange_info.decode(body).symbols:
        entry = bytes(raw)
        symbol = _symbol.decode(entry)
        if symbol.contract_type in _PERPETUAL or symbol.contract_type in _DATED:
            found.append((_definition(symbol), entry))
    return found


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of exchangeInfo. Raises ValueError or RecursionError."""
    return _definition(_symbol.decode(entry))


def _definition(symbol: Symbol) -> InstrumentDefinition:
    if symbol.contract_type in _PERPETUAL:
        kind, suffix, expires_ns = "perpetual", "PERP", None
    elif symbol.contract_type in _DATED:
        kind, expires_ns = "future", symbol.delivery_ms * NS_PER_MS
        suffix = f"{_EPOCH + timedelta(milliseconds=symbol.delivery_ms):%Y%m%d}"
    else:
        raise ValueError(f"reading instrument {symbol.symbol}: contract type {symbol.contract_type!r} is unknown")
    return InstrumentDefinition(
        native_symbol=symbol.symbol,
        symbol=f"{symbol.base}-{symbol.quote}-{suffix}".upper(),
        base=symbol.base,
        quote=symbol.quote,
        settle=symbol.settle,
        kind=kind,
        status=symbol.status,
        contract_value="1",  # PROTOCOLS 1.7: sizes are in the base asset
        tick_size=next((f.tick_size for f in symbol.filters if f.filter_type == "PRICE_FILTER"), None),
        step_size=next((f.step_size for f in symbol.filters if f.filter_type == "LOT_SIZE"), None),
        expires_ns=expires_ns,
        is_trading=symbol.status == TRADING,
    )
