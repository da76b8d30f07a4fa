"""The plainest reading of a frame: standard json and decimal, every number kept as it is written.

Strict where a parser could be lax: bytes are UTF-8, numbers are finite, a text is no number and a number
no text, nothing is rounded. Raises ValueError for whatever has no certain meaning.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

ID_MAX = 2**63 - 1
MS_MAX = 9_223_372_036_854
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SCALE = 18
INTEGER_DIGITS = 20

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DIGITS = re.compile(r"[0-9]+")
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?Z")
_EXACT = Context(prec=400, Emax=999_999_999, Emin=-999_999_999)
_QUANTUM = Decimal(1).scaleb(-SCALE)

Row = dict[str, object]
"""One row: the topic's own columns that are not null."""


class RefusedError(ValueError):
    """Say that a frame, or one entry of it, has no certain meaning."""


class Number(str):
    """Hold a JSON number as it is written; a JSON text is a plain `str`."""

    __slots__ = ()


class Meant(NamedTuple):
    """Say that a frame speaks of a symbol: the rows it means, or RefusedError when they are asked for."""

    record: str
    symbol: str
    rows: Callable[[], list[Row]]


class Terms(NamedTuple):
    """Hold what one unit of a venue's size is: in base, or in quote when `inverse`."""

    value: Decimal
    inverse: bool


def _refuse(text: str) -> None:
    raise RefusedError(f"{text} is no JSON")


_json = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse)


def read(frame: bytes) -> Any:
    """Read one JSON value; of a key said twice the last counts, as in all of our decoders."""
    return _json.decode(frame.decode())


def known(value: Any, *kinds: type) -> Any:
    """Return a value that is of one of these kinds, exactly."""
    if type(value) not in kinds:
        raise RefusedError(f"{str(value)[:40]!r} is of another kind")
    return value


def member(of: Any, key: str) -> Any:
    """Return what stands under a key; it has to be there."""
    if type(of) is not dict or key not in of:
        raise RefusedError(f"no {key}")
    return of[key]


def entries(of: Any, key: str) -> list[Any]:
    """Return a list under a key."""
    found: list[Any] = known(member(of, key), list)
    return found


def text(of: Any, key: str, default: str | None = None) -> str:
    """Return a text under a key; with a default it may be absent."""
    if default is not None and type(of) is dict and key not in of:
        return default
    found: str = known(member(of, key), str)
    return found


def one_of(of: Any, key: str, *words: str) -> str:
    """Return a text that is one of these."""
    found = text(of, key)
    if found not in words:
        raise RefusedError(f"{key} is {found[:40]!r}")
    return found


def truth(of: Any, key: str) -> bool:
    """Return true or false."""
    found: bool = known(member(of, key), bool)
    return found


def whole(of: Any, key: str, low: int = 0, high: int = ID_MAX) -> int:
    """Return a whole JSON number within bounds."""
    return _within(known(member(of, key), Number), low, high)


def whole_or_none(of: Any, key: str, low: int = 0, high: int = ID_MAX) -> int | None:
    """Return a whole JSON number; None when it is absent or null."""
    return None if of.get(key) is None else whole(of, key, low, high)


def _within(written: str, low: int, high: int) -> int:
    if not _WHOLE.fullmatch(written) or not low <= int(written) <= high:
        raise RefusedError(f"{written[:40]} is no whole number from {low} to {high}")
    return int(written)


def digits(written: Any, max_digits: int) -> int:
    """Return a whole number written as text: ASCII digits and nothing else; zeros in front change nothing."""
    if not _DIGITS.fullmatch(known(written, str)) or len(written.lstrip("0")) > max_digits:
        raise RefusedError(f"{written[:40]!r} is no whole number")
    return int(written)


def millis(of: Any, key: str) -> int:
    """Return nanoseconds of a JSON number of milliseconds."""
    return whole(of, key, 0, MS_MAX) * NS_PER_MS


def millis_or_none(of: Any, key: str) -> int | None:
    """Return nanoseconds of a JSON number of milliseconds; None when it is absent or null."""
    return None if of.get(key) is None else millis(of, key)


def moment(written: Any) -> int:
    """Return nanoseconds of an RFC 3339 time in UTC with at most nine digits of a second."""
    found = _MOMENT.fullmatch(known(written, str))
    if found is None:
        raise RefusedError(f"{written[:40]!r} is no time")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (year and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise RefusedError(f"{written[:40]!r} is no day")
    if hour > 23 or minute > 59 or second > 59:
        raise RefusedError(f"{written[:40]!r} is no time of a day")
    whole_s = calendar.timegm((year, month, day, hour, minute, second))
    return whole_s * NS_PER_S + int((found[7] or "").ljust(9, "0"))


def amount(written: Any, *, signed: bool = False) -> Decimal:
    """Return the number that a text or a JSON number says, exactly; below 0 only where it may be."""
    if not _NUMBER.fullmatch(written):
        raise RefusedError(f"{written[:40]!r} is no number")
    value = Decimal(written)
    if value < 0 and not signed:
        raise RefusedError(f"{written[:40]!r} is below 0")
    return value


def said(of: Any, key: str, *, signed: bool = False) -> Decimal:
    """Return a number sent as text."""
    return amount(known(member(of, key), str), signed=signed)


def said_or_none(of: Any, key: str, *, signed: bool = False) -> Decimal | None:
    """Return a number sent as text; None when it is absent, null or empty."""
    return None if of.get(key) is None or text(of, key) == "" else said(of, key, signed=signed)


def number(of: Any, key: str, *, signed: bool = False) -> Decimal:
    """Return a number sent as JSON number."""
    return amount(known(member(of, key), Number), signed=signed)


def number_or_none(of: Any, key: str, *, signed: bool = False) -> Decimal | None:
    """Return a number sent as JSON number; None when it is absent or null."""
    return None if of.get(key) is None else number(of, key, signed=signed)


def row(**columns: object) -> Row:
    """Make a row; null columns are left out."""
    return {name: value for name, value in columns.items() if value is not None}


def pair(level: Any, *, exactly: bool = True) -> tuple[Decimal, Decimal]:
    """Read a level that is a list of texts, price and size; what else stands there is refused unless not `exactly`."""
    if len(known(level, list)) < 2 or (exactly and len(level) > 2):
        raise RefusedError("a level is no pair")
    return amount(known(level[0], str)), amount(known(level[1], str))


def ladder(
    bids: Iterable[tuple[Decimal, Decimal]], asks: Iterable[tuple[Decimal, Decimal]], **columns: object
) -> list[Row]:
    """Return one row per level, bids first, each with its place within its side and the columns all share."""
    return [
        row(side=side, level=place, price=price, size=size, **columns)
        for side, levels in (("bid", bids), ("ask", asks))
        for place, (price, size) in enumerate(levels)
    ]


def fits(value: Decimal | None) -> Decimal | None:
    """Return a number that decimal(38,18) holds exactly, else None."""
    if value is None or value.copy_abs() >= Decimal(10) ** INTEGER_DIGITS:
        return None
    fitting = _EXACT.quantize(value, _QUANTUM)
    return fitting if fitting == value else None


def worth(price: Decimal, size: Decimal, terms: Terms | None) -> tuple[Decimal | None, Decimal | None]:
    """Return base size and notional of a size in the venue's unit; None where it is not known or does not fit."""
    if terms is None:
        return None, None
    counted = fits(_EXACT.multiply(size, terms.value))
    if not terms.inverse:
        return counted, None if counted is None else fits(_EXACT.multiply(price, counted))
    if counted is None or price == 0:
        return None, counted
    return fits(_EXACT.divide(counted, price).quantize(_QUANTUM, ROUND_HALF_EVEN, _EXACT)), counted


IN_BASE = Terms(Decimal(1), inverse=False)
"""Sizes are in the base asset."""


def fill(price: Decimal, size: Decimal, terms: Terms | None, **columns: object) -> Row:
    """Return the row of a trade."""
    base_size, notional = worth(price, size, terms)
    return row(price=price, size=size, base_size=base_size, notional=notional, **columns)
