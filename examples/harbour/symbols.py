"""Harbour: native symbols and canonical names, from /instruments alone. Harbour 4."""

from __future__ import annotations

import msgspec

from examples.harbour.messages import Instrument
from schemas import InstrumentDefinition


class _Instruments(msgspec.Struct):
    """`{"instruments":[{…},{…}]}`; each entry stays bytes."""

    instruments: list[msgspec.Raw]


_instruments = msgspec.json.Decoder(_Instruments)
_instrument = msgspec.json.Decoder(Instrument)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every instrument with its own JSON, byte for byte. Raises ValueError or RecursionError."""
    entries = [bytes(raw) for raw in _instruments.decode(body).instruments]
    return [(instrument(entry), entry) for entry in entries]


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry. Raises ValueError or RecursionError."""
    one = _instrument.decode(entry)
    return InstrumentDefinition(
        native_symbol=one.id,
        symbol=f"{one.base}-{one.quote}".upper(),
        base=one.base,
        quote=one.quote,
        settle=one.quote,
        kind="spot",
        status="open" if one.open else "closed",
        contract_value="1",
        tick_size=one.tick,
        step_size=one.lot,
        is_trading=one.open,
    )
