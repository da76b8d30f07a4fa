"""Choose what a market records out of what the venue lists. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from cryptoflow.config import Producer
from producers._choose import choose, parse
from producers._plan import is_owned
from schemas import InstrumentDefinition


class Wants(Protocol):
    """Choose what to record out of what the venue lists."""

    @property
    def needs_volumes(self) -> bool:
        """Tell whether traded values are needed."""
        ...

    @property
    def elsewhere(self) -> Collection[str]:
        """Return symbols and indexes that other replicas record, too: what ends here goes on there."""
        ...

    def __call__(self, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols to record now."""
        ...


@dataclass(frozen=True)
class Asked:
    """Want these names, or all that trade, of those this replica owns."""

    exchange: str
    market: str
    names: tuple[str, ...]
    settings: Producer
    needs_volumes: ClassVar[bool] = False
    elsewhere: ClassVar[Collection[str]] = ()

    def __call__(self, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols to record now."""
        found = choose(parse(",".join(self.names)), listed, volumes).symbols
        return [symbol for symbol in found if is_owned(self.exchange, self.market, symbol, self.settings)]
