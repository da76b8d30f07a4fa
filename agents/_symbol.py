"""One symbol of a partition: its names, its market and the state its operators keep."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from exchanges import Market
from schemas import InstrumentDefinition
from schemas._registry import load

if TYPE_CHECKING:
    from agents._operator import Operator

STATE_VERSION = 1
NOTHING_YET = -1
"""The offset of a symbol none of whose records was processed."""


@functools.cache
def operators() -> tuple[Operator, ...]:
    """Return every operator of the package by stage. Raises ImportError as the registry does."""
    return tuple(sorted(load("agents", "OPERATOR").values(), key=lambda one: (one.stage, one.name)))


class Terms(msgspec.Struct, frozen=True):
    """Remember what a symbol's definition says of its numbers, as the log had it last."""

    contract_value: str | None = None
    inverse: bool = False
    price_decimals: int | None = None
    size_decimals: int | None = None

    @classmethod
    def of(cls, definition: InstrumentDefinition) -> Terms:
        """Take the terms out of a definition."""
        return cls(definition.contract_value, definition.inverse, definition.price_decimals, definition.size_decimals)


UNKNOWN = Terms()
"""The terms of a symbol that no definition was seen of."""


@dataclass(slots=True)
class Symbol:
    """Hold one symbol; `parts` are its operators' states, in the operators' order.

    `key` is the key of its raw records. `market` is None for the one symbol that stands for all
    records whose exchange, market or key cannot be told. `canonical` is the native name until an
    instrument frame tells the canonical one, and so are its `terms` unknown. `lost` says that records
    of it may be gone between the last one and the next.
    """

    key: str
    exchange: str
    market_name: str
    native: str
    market: Market | None
    parts: list[Any]
    canonical: str = ""
    terms: Terms = UNKNOWN
    offset: int = NOTHING_YET
    received_ns: int = 0
    lost: bool = False

    def __post_init__(self) -> None:
        """Call the symbol by its native name at first."""
        self.canonical = self.canonical or self.native


class _Stored(msgspec.Struct):
    v: int
    canonical: str
    received_ns: int
    parts: dict[str, msgspec.Raw]
    terms: Terms = UNKNOWN
    lost: bool = False


def fresh_parts(chain: tuple[Operator, ...]) -> list[Any]:
    """Return the states of a symbol never seen."""
    return [operator.state() for operator in chain]


def encode_state(symbol: Symbol, chain: tuple[Operator, ...]) -> bytes:
    """Encode a symbol's state as msgpack."""
    parts: Mapping[str, Any] = {operator.name: part for operator, part in zip(chain, symbol.parts, strict=True)}
    return msgspec.msgpack.encode(
        {
            "v": STATE_VERSION,
            "canonical": symbol.canonical,
            "received_ns": symbol.received_ns,
            "parts": parts,
            "terms": symbol.terms,
            "lost": symbol.lost,
        }
    )


def restore_state(symbol: Symbol, chain: tuple[Operator, ...], offset: int, stored: bytes) -> None:
    """Set a symbol's state from bytes of `encode_state`; an operator without a stored part starts fresh.

    Raises ValueError when the bytes are not such a state or of another version.
    """
    state = msgspec.msgpack.decode(stored, type=_Stored)
    if state.v != STATE_VERSION:
        raise ValueError(f"restoring the state of {symbol.key}: version {state.v} is not {STATE_VERSION}")
    symbol.canonical = state.canonical
    symbol.terms = state.terms
    symbol.received_ns = state.received_ns
    symbol.lost = state.lost
    symbol.offset = offset
    symbol.parts = [
        msgspec.msgpack.decode(state.parts[operator.name], type=operator.state)
        if operator.name in state.parts
        else operator.state()
        for operator in chain
    ]
