"""Binance USD-M: native symbols and canonical names, from exchangeInfo alone. PROTOCOLS 1.6."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from exchanges.binance._messages import NS_PER_MS, exchange_info, steps
from exchanges.binance.usdm.messages import Symbol
from schemas import InstrumentDefinition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TRADING = "TRADING"
_PERPETUAL = frozenset({"PERPETUAL", "TRADIFI_PERPETUAL"})
_DATED = frozenset({"CURRENT_QUARTER", "NEXT_QUARTER"})


_symbol = msgspec.json.Decoder(Symbol)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every contract of an exchangeInfo body with its own JSON, byte for byte.

    Entries of a contract type that PROTOCOLS 1.6 does not list (the venue sends "" for one not
    trading yet) have no canonical name and are left out. Raises ValueError or RecursionError.
    """
    found = []
    for raw in exchange_info.decode(body).symbols:
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
    tick_size, step_size = steps(symbol.filters)
    return InstrumentDefinition(
        native_symbol=symbol.symbol,
        symbol=f"{symbol.base}-{symbol.quote}-{suffix}".upper(),
        base=symbol.base,
        quote=symbol.quote,
        settle=symbol.settle,
        kind=kind,
        status=symbol.status,
        contract_value="1",  # PROTOCOLS 1.7: sizes are in the base asset
        tick_size=tick_size,
        step_size=step_size,
        expires_ns=expires_ns,
        is_trading=symbol.status == TRADING,
    )
