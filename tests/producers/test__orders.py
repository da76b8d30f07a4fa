"""What people ask of running producers is a table: the newest wish counts, over restarts."""

from __future__ import annotations

import msgspec
import pytest

from producers._orders import CountOrder, ReplicaOrders, Settled, SymbolOrder, SymbolOrders, count_key, names_of, who_is
from producers._replica import Replica
from schemas import InstrumentDefinition

NAMES = {"AAA": "AAA", "AAA-USD": "AAA", "BBB": "BBB", "BBB-USD": "BBB", "CCC": "CCC"}


def orders(*wishes: tuple[str, str], market: str = "usdm") -> SymbolOrders:
    """Take wishes (name, state) in this order of time."""
    found = SymbolOrders()
    for at_ns, (name, state) in enumerate(wishes):
        order = msgspec.json.decode(
            msgspec.json.encode(
                {"exchange": "binance", "market": market, "symbol": name, "state": state, "at_ns": at_ns}
            ),
            type=SymbolOrder,
        )
        found.take(order.key, msgspec.json.encode(order))
    return found


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ((), ["AAA"]),
        ((("BBB", "added"),), ["AAA", "BBB"]),
        ((("AAA", "removed"),), []),
        ((("BBB-USD", "added"), ("BBB", "removed")), ["AAA"]),
        ((("BBB", "removed"), ("BBB-USD", "added")), ["AAA", "BBB"]),
        ((("NEW", "added"), ("CCC", "added")), ["AAA", "CCC"]),
    ],
)
def test_wishes_change_what_the_configuration_chooses(wishes: tuple[tuple[str, str], ...], expected: list[str]) -> None:
    """Names may be native or canonical, the newest wish about a symbol counts, an unlisted name waits."""
    assert orders(*wishes).apply("binance", "usdm", ["AAA"], NAMES) == expected


def test_names_lead_to_the_symbol_whose_data_comes() -> None:
    """An alias is another name of what the venue sends in its place; where that is not listed it is itself."""
    plain = InstrumentDefinition("AAA-USD", "AAA-USD", "AAA", "USD", "USD", "spot", "online")
    alias = msgspec.structs.replace(plain, native_symbol="AAAUSDC", symbol="AAA-USDC", alias_of="AAA-USD")
    expected = {"AAA-USD": "AAA-USD", "AAAUSDC": "AAA-USD", "AAA-USDC": "AAA-USD"}
    assert names_of([alias, plain]) == expected
    assert names_of([alias]) == {"AAAUSDC": "AAAUSDC", "AAA-USDC": "AAAUSDC"}


def test_wishes_of_other_markets_do_not_matter() -> None:
    """Each market has its own."""
    assert orders(("BBB", "added"), market="spot").apply("binance", "usdm", ["AAA"], NAMES) == ["AAA"]


def test_a_wish_can_be_taken_back_and_rubbish_is_none() -> None:
    """An empty value deletes; a foreign value changes nothing."""
    found = orders(("BBB", "added"))
    found.take("binance.usdm.BBB", b"rubbish")
    assert found.apply("binance", "usdm", [], NAMES) == ["BBB"]
    found.take("binance.usdm.BBB", b"")
    assert found.apply("binance", "usdm", [], NAMES) == []


def counted(count: int, previous: int, at_ns: int = 5) -> ReplicaOrders:
    """Order a count."""
    found = ReplicaOrders()
    order = CountOrder("binance", "usdm", count, previous, at_ns)
    found.take(order.key, msgspec.json.encode(order))
    return found


def test_the_ordered_count_wins_over_the_configured_one() -> None:
    """Without an order the configuration holds, and nothing changes hands."""
    own = Replica(1, 2)
    assert ReplicaOrders().replica("binance.usdm", own) == own
    assert ReplicaOrders().earlier("binance.usdm", own, "1") is None
    assert counted(3, 2).replica("binance.usdm", own) == Replica(1, 3)
    assert counted(3, 2).replica("binance.spot", own) == own
    assert counted(3, 3).earlier("binance.usdm", own, "1") is None


def test_until_a_replica_settles_the_earlier_owners_matter() -> None:
    """A restart after that is a restart; under a newer order it is a handover again."""
    found, own = counted(3, 2), Replica(1, 2)
    assert found.earlier("binance.usdm", own, "1") == Replica(1, 2)
    settlement = found.settlement("binance.usdm", "1", 9)
    assert settlement == ("binance.usdm#1", Settled("1", 3, 5, 9))
    found.take(settlement[0], msgspec.json.encode(settlement[1]))
    assert found.earlier("binance.usdm", own, "1") is None
    assert found.settlement("binance.usdm", "1", 9) is None
    assert found.earlier("binance.usdm", Replica(0, 2), "0") is not None
    newer = CountOrder("binance", "usdm", 2, 3, 7)
    found.take(newer.key, msgspec.json.encode(newer))
    assert found.earlier("binance.usdm", own, "1") == Replica(1, 3)
    found.take(newer.key, b"")
    assert found.replica("binance.usdm", own) == own


def test_feeds_and_processes_of_some_kinds_are_counted_apart() -> None:
    """Their names are part of the key."""
    assert count_key("", "okx", "swap") == "okx.swap"
    assert count_key("b", "okx", "swap") == CountOrder("okx", "swap", 1, 1, 0, "b").key == "b/okx.swap"
    assert who_is(2, ()) == "2"
    assert who_is(2, ("trades", "book")) == "2/book+trades"
