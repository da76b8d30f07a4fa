"""A market told by name records those names, each at the replica that owns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cryptoflow.config import Producer
from producers._replica import owner_of
from producers._wants import Asked, Wants
from schemas import InstrumentDefinition


def listed(*names: str, trading: Sequence[str] | None = None) -> list[InstrumentDefinition]:
    """Invent what a venue lists."""
    return [
        InstrumentDefinition(
            name, f"{name}-USD", name, "USD", "USD", "spot", "on", is_trading=trading is None or name in trading
        )
        for name in names
    ]


NAMES = tuple(f"S{number}" for number in range(40))


def test_names_are_recorded_and_nothing_else() -> None:
    """Native or canonical; a name the venue does not list waits until it does."""
    wants: Wants = Asked("binance", "spot", ("S2", "S1-USD", "NEW"), Producer())
    assert wants(listed(*NAMES), {}) == ["S2", "S1"]
    assert wants([*listed(*NAMES), *listed("NEW")], {}) == ["S2", "S1", "NEW"]
    assert not wants.needs_volumes


def test_without_names_all_that_trade_are_recorded() -> None:
    """What is listed and halted is not."""
    wants = Asked("binance", "spot", (), Producer())
    assert wants(listed(*NAMES, trading=NAMES[:5]), {}) == list(NAMES[:5])
    assert wants([], {}) == []


def test_every_symbol_is_wanted_by_exactly_one_replica() -> None:
    """The owner is the one that the virtual shard says, and together they want all."""
    found: list[str] = []
    for index in range(3):
        wants = Asked("binance", "spot", (), Producer(replica_count=3, replica_index=index))
        ours = wants(listed(*NAMES), {})
        assert all(owner_of("binance", "spot", symbol, 3) == index for symbol in ours)
        found += ours
    assert sorted(found) == sorted(NAMES)


def test_ownership_belongs_to_the_market() -> None:
    """The same name in two markets is two symbols: one replica does not own both by rule."""
    one = Asked("binance", "spot", (), Producer(replica_count=2))
    assert one(listed(*NAMES), {}) != replace(one, market="usdm")(listed(*NAMES), {})
