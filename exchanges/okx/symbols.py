"""OKX: native symbols and canonical names, from instrument metadata alone. PROTOCOLS 1.6, 1.7."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext

import msgspec

from exchanges.okx.messages import Instrument
from schemas import InstrumentDefinition

NS_PER_MS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT_DIGITS = 80
_PAIR = 2

WITH_DATA = frozenset({"live", "post_only"})
"""States in which data flows; `suspend`, `preopen`, `test`, `rebase` and further ones have none (PROTOCOLS 5.1)."""


class _Body(msgspec.Struct):
    """`{"code":"0","msg":"","data":[{…},{…}]}`; each entry stays bytes."""

    code: str
    data: list[msgspec.Raw]


_body = msgspec.json.Decoder(_Body)
_instrument = msgspec.json.Decoder(Instrument)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every instrument of a body with its own JSON, byte for byte.

    Entries whose assets are not told yet (the venue sends "" before a listing) have no canonical name
    and are left out. Raises ValueError or RecursionError.
    """
    found = []
    for raw in _body.decode(body).data:
        entry = bytes(raw)
        told = _instrument.decode(entry)
        if _assets(told) is not None:
            found.append((_definition(told), entry))
    return found


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry. Raises ValueError or RecursionError."""
    return _definition(_instrument.decode(entry))


def _assets(told: Instrument) -> tuple[str, str] | None:
    """Return base and quote; None where the entry does not name them."""
    if told.kind == "SPOT":
        return (told.base, told.quote) if told.base and told.quote else None
    if told.kind not in {"SWAP", "FUTURES"} or told.contract_type not in {"linear", "inverse"}:
        return None
    pair = told.underlying.split("-")  # the venue's own field for the pair, not the instrument's name
    return (pair[0], pair[1]) if len(pair) == _PAIR and all(pair) and told.settle else None


def _definition(told: Instrument) -> InstrumentDefinition:
    assets = _assets(told)
    if assets is None:
        raise ValueError(f"reading instrument {told.id}: type {told.kind!r} and assets give no name")
    base, quote = assets
    contract = told.kind != "SPOT"
    return InstrumentDefinition(
        native_symbol=told.id,
        symbol=_name(told, base, quote),
        base=base,
        quote=quote,
        settle=told.settle if contract else quote,
        kind={"SPOT": "spot", "SWAP": "perpetual"}.get(told.kind, "future"),
        status=told.state,
        contract_value=_contract_value(told, base, quote) if contract else "1",
        tick_size=told.tick_size or None,
        step_size=told.step_size or None,
        expires_ns=_expires_ms(told) * NS_PER_MS if told.kind == "FUTURES" else None,
        inverse=told.contract_type == "inverse",
        index=told.underlying if contract else None,
        is_trading=told.state in WITH_DATA,
    )


def _name(told: Instrument, base: str, quote: str) -> str:
    """Name a contract by what it settles in where that is not the quote.

    A dated contract that settles in its base asset has the plain name of PROTOCOLS 1.6: there is one
    such contract per pair and date.
    """
    if told.kind == "SPOT":
        return f"{base}-{quote}".upper()
    if told.kind == "SWAP":
        suffix, plain = "PERP", {quote}
    else:
        suffix, plain = f"{_EPOCH + timedelta(milliseconds=_expires_ms(told)):%Y%m%d}", {quote, base}
    name = f"{base}-{quote}-{suffix}"
    return (name if told.settle in plain else f"{name}:{told.settle}").upper()


def _expires_ms(told: Instrument) -> int:
    text = told.expires_ms
    if not (text.isascii() and text.isdigit() and len(text) <= len("1798185600000")):
        raise ValueError(f"reading instrument {told.id}: expiry {text[:20]!r} is no time")
    return int(text)


def _contract_value(told: Instrument, base: str, quote: str) -> str | None:
    """Return `ctVal` x `ctMult` exactly, in the base asset or in the quote asset when inverse (PROTOCOLS 1.7).

    None where it is not told, or told in another asset than sizes are converted with.
    """
    if told.contract_currency != (quote if told.contract_type == "inverse" else base):
        return None
    try:
        with localcontext(prec=_EXACT_DIGITS):
            value = Decimal(told.contract_value) * Decimal(told.contract_multiplier)
    except InvalidOperation:
        return None
    text = format(value, "f") if value.is_finite() else ""
    return (text.rstrip("0").rstrip(".") if "." in text else text) or None
