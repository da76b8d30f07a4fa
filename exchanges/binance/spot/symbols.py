"""Binance spot: native symbols and canonical names, from exchangeInfo alone. PROTOCOLS 1.6."""

from __future__ import annotations

import msgspec

from exchanges.binance._messages import exchange_info, steps
from exchanges.binance.spot.messages import Symbol
from schemas import InstrumentDefinition

TRADING = "TRADING"

_symbol = msgspec.json.Decoder(Symbol)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every pair with its own JSON, byte for byte. Raises ValueError or RecursionError."""
    return [(instrument(bytes(raw)), bytes(raw)) for raw in exchange_info.decode(body).symbols]


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of exchangeInfo. Raises ValueError or RecursionError."""
    symbol = _symbol.decode(entry)
    tick_size, step_size = steps(symbol.filters)
    return InstrumentDefinition(
        native_symbol=symbol.symbol,
        symbol=f"{symbol.base}-{symbol.quote}".upper(),
        base=symbol.base,
        quote=symbol.quote,
        settle=symbol.quote,
        kind="spot",
        status=symbol.status,
        tick_size=tick_size,
        step_size=step_size,
        is_trading=symbol.status == TRADING,
    )
