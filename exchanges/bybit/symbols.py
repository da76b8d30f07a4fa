"""Bybit: native symbols and canonical names, from instruments-info alone. PROTOCOLS 1.6."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from exchanges._exchange import RestRequest
from exchanges.bybit.messages import Instrument, PageBody, Volume
from schemas import InstrumentDefinition

NS_PER_MS = 1_000_000
TRADING = "Trading"
"""PROTOCOLS 4.7: a pre-launch contract has no book before continuous trading, under a status of its own."""

PERPETUAL = "LinearPerpetual"
DATED = "LinearFutures"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_DELIVERY_MAX_DIGITS = 14

_page = msgspec.json.Decoder(PageBody)
_instrument = msgspec.json.Decoder(Instrument)
_volume = msgspec.json.Decoder(Volume)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every instrument of a page with its own JSON, byte for byte. Raises ValueError or RecursionError.

    Entries of a contract type that PROTOCOLS 1.6 does not list have no canonical name and are left out.
    """
    found = []
    for raw in _page.decode(body).result.entries:
        entry = _instrument.decode(raw)
        if entry.contract_type in {"", PERPETUAL, DATED}:
            found.append((_definition(entry), bytes(raw)))
    return found


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of instruments-info. Raises ValueError or RecursionError."""
    return _definition(_instrument.decode(entry))


def next_page(request: RestRequest, body: bytes) -> RestRequest | None:
    """Ask for the page after this one; None after the last. Raises ValueError or RecursionError."""
    cursor = _page.decode(body).result.cursor
    if not cursor:
        return None
    # The cursor comes escaped as it stands in a URL; whoever sends it escapes it again.
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), cursor)
    return RestRequest(request.path, {**request.query, "cursor": plain}, request.weight)


def volumes(body: bytes) -> Mapping[str, Decimal]:
    """Return the value traded in 24 h, in quote units, by native symbol. Raises ValueError or RecursionError."""
    try:
        return {
            one.symbol: Decimal(one.value)
            for one in map(_volume.decode, _page.decode(body).result.entries)
            if one.value
        }
    except InvalidOperation as error:
        raise ValueError("reading volumes: a volume is no number") from error


def _definition(entry: Instrument) -> InstrumentDefinition:
    kind, suffix, expires_ns = "spot", "", None
    if entry.contract_type == PERPETUAL:
        kind, suffix = "perpetual", "-PERP"
    elif entry.contract_type == DATED:
        expires_ms = _delivery(entry)
        kind, expires_ns = "future", expires_ms * NS_PER_MS
        suffix = f"-{_EPOCH + timedelta(milliseconds=expires_ms):%Y%m%d}"
    elif entry.contract_type:
        raise ValueError(f"reading instrument {entry.symbol}: contract type {entry.contract_type!r} is unknown")
    return InstrumentDefinition(
        native_symbol=entry.symbol,
        symbol=f"{entry.base}-{entry.quote}{suffix}".upper(),
        base=entry.base,
        quote=entry.quote,
        settle=entry.settle or entry.quote,
        kind=kind,
        status=entry.status,
        contract_value="1" if suffix else None,  # PROTOCOLS 1.7: sizes are in the base coin
        tick_size=entry.price_filter.tick_size,
        step_size=entry.lot_filter.contract_step or entry.lot_filter.spot_step,
        expires_ns=expires_ns,
        is_trading=entry.status == TRADING,
    )


def _delivery(entry: Instrument) -> int:
    text = entry.delivery_ms
    if not (text.isascii() and text.isdigit() and len(text) <= _DELIVERY_MAX_DIGITS and int(text)):
        raise ValueError(f"reading instrument {entry.symbol}: delivery time {text[:40]!r} is no time")
    return int(text)
