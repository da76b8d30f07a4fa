"""Kraken Futures: native symbols, canonical names and volumes, from REST alone. PROTOCOLS 1.6, 1.7, 7.2.5."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from exchanges._sightings import saw
from exchanges._times import rfc3339_ns
from exchanges.kraken._aliases import asset
from exchanges.kraken.futures.messages import ABSENT, Instrument
from schemas import InstrumentDefinition

PERPETUAL, FUTURE = "perpetual", "future"
_PRODUCTS = {
    "PF": (PERPETUAL, False),
    "PI": (PERPETUAL, True),
    "FF": (FUTURE, False),
    "FI": (FUTURE, True),
}
"""Per prefix of a symbol: kind, and whether the contract is inverse (PROTOCOLS 1.6)."""

_PREFIXES = frozenset(f"{prefix}_" for prefix in _PRODUCTS)
_EXPONENT_MAX = 18

_STRUCTURE = re.compile(r"[A-Z]{2}_(?P<base>[A-Z0-9]+)(?P<quote>USD)(?:_[0-9]{6})?")
"""A symbol as the documents spell it; only read where an entry names neither assets nor pair."""


class _Instruments(msgspec.Struct):
    """`{"result":"success","instruments":[{…},{…}],"serverTime":"2026-09-21T14:13:20.000Z"}`."""

    instruments: list[msgspec.Raw]


class _Symbol(msgspec.Struct):
    symbol: str


class _Ticker(msgspec.Struct):
    """`{"symbol":"PF_XBTUSD","vol24h":1500.1,"volumeQuote":90006000.5}`."""

    symbol: str
    volume: msgspec.Raw = msgspec.field(name="volumeQuote", default=ABSENT)


class _Tickers(msgspec.Struct):
    tickers: list[_Ticker]


_instruments = msgspec.json.Decoder(_Instruments)
_symbol = msgspec.json.Decoder(_Symbol)
_instrument = msgspec.json.Decoder(Instrument)
_tickers = msgspec.json.Decoder(_Tickers)


def instruments(body: bytes) -> list[tuple[InstrumentDefinition, bytes]]:
    """Return every perpetual and future of an instruments body with its own JSON, byte for byte.

    Indices, options and whatever else PROTOCOLS 1.6 does not list are left out.
    Raises ValueError or RecursionError.
    """
    entries = [bytes(raw) for raw in _instruments.decode(body).instruments]
    return [(instrument(entry), entry) for entry in entries if _symbol.decode(entry).symbol.upper()[:3] in _PREFIXES]


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read one entry of the instruments body. Raises ValueError or RecursionError."""
    found = _instrument.decode(entry)
    native = found.symbol.upper()  # PROTOCOLS 7.2.5: lower case over REST, upper case on the socket
    if native[:3] not in _PREFIXES:
        raise ValueError(f"reading instrument {native[:100]!r}: its product is unknown")
    kind, inverse = _PRODUCTS[native[:2]]
    base, quote = _assets(found, native)
    suffix, expires_ns = _expiry(found, native) if kind == FUTURE else ("PERP", None)
    # PROTOCOLS 1.6: coin-margined contracts add their settlement, here also dated ones: FF and FI may share a date.
    margin = f":{base}" if inverse else ""
    tick = _plain(found.tick_size)
    return InstrumentDefinition(
        native_symbol=native,
        symbol=f"{base}-{quote}-{suffix}{margin}",
        base=base,
        quote=quote,
        settle=base if inverse else quote,
        kind=kind,
        status=_status(found),
        # PROTOCOLS 1.7: PF and FF count the base asset, PI and FI contracts of 1 USD.
        contract_value=_plain(found.contract_size) or "1",
        tick_size=tick,
        step_size=None if found.size_decimals is None else format(Decimal(1).scaleb(-found.size_decimals), "f"),
        expires_ns=expires_ns,
        inverse=inverse,
        price_decimals=None if tick is None else len(tick.partition(".")[2]),
        size_decimals=None if found.size_decimals is None else max(found.size_decimals, 0),
        is_trading=found.tradeable,
    )


def _status(found: Instrument) -> str:
    if not found.tradeable:
        return "not_tradeable"
    return "post_only" if found.post_only else "tradeable"


def _assets(found: Instrument, native: str) -> tuple[str, str]:
    base, quote = found.base, found.quote
    if not base or not quote:
        base, _, quote = found.pair.partition(":")
    if not base or not quote:
        structure = _STRUCTURE.fullmatch(native)
        if structure is None:
            raise ValueError(f"reading instrument {native[:100]!r}: neither its assets nor its pair are named")
        # The last resort: entries of 2021 say nothing else.
        saw("PROTOCOLS 1.6", "a future without base, quote and pair was named from the structure of its symbol")
        base, quote = structure["base"], structure["quote"]
    return asset(base), asset(quote)


def _expiry(found: Instrument, native: str) -> tuple[str, int]:
    """Return the date of the name and the end of trading in ns."""
    if found.last_trading is None:
        raise ValueError(f"reading instrument {native[:100]!r}: a future without its end of trading")
    return found.last_trading[:10].replace("-", ""), rfc3339_ns(found.last_trading)


def _plain(number: msgspec.Raw) -> str | None:
    """Return a JSON number without exponent; None where there is none."""
    text = str(number, "utf-8")
    if text in {"", "null"}:
        return None
    try:
        value = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"reading an instrument: {text[:100]!r} is no number") from error
    if not value.is_finite() or abs(value.adjusted()) > _EXPONENT_MAX:
        raise ValueError(f"reading an instrument: {text[:100]!r} is out of range")
    return format(value.normalize() if value != value.to_integral_value() else value.quantize(Decimal(1)), "f")


def volumes(body: bytes) -> dict[str, Decimal]:
    """Return the value traded in 24 hours, in the quote asset. Raises ValueError or RecursionError."""
    found = {one.symbol.upper(): _plain(one.volume) for one in _tickers.decode(body).tickers}
    return {symbol: Decimal(text) for symbol, text in found.items() if text is not None}
