"""Contract sizes in the base asset."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from agents._contracts import fill_sizes
from schemas._types import DECIMAL
from tests.doubles.raw_frames import Log, core, rows, trade

DEFINITION = {"native": "AB", "base": "A", "quote": "B"}


def decimals(*cells: str | None) -> pa.Array:
    """Make a column."""
    return pa.array([None if cell is None else Decimal(cell) for cell in cells], DECIMAL)


def told(log: Log) -> list[Any]:
    """Return size, base size and notional of every trade."""
    return rows(core().process(log.records), "md.trades", "size", "base_size", "notional")


def define(log: Log, **terms: object) -> bytes:
    """Make a frame that defines the symbol."""
    return log.frame("instrument", {**DEFINITION, **terms})


def test_a_linear_contract_counts_its_value_in_the_base_asset() -> None:
    """Ten contracts of 0.01 are 0.1 of the base asset, worth price times that."""
    log = Log(market="s")
    log.add(define(log, value="0.01"), log.frame("trades", trade(1, price="200", size="10")))
    assert told(log) == [(10, Decimal("0.1"), 20)]


def test_an_inverse_contract_counts_its_value_in_the_quote_asset() -> None:
    """Three contracts of 100 are worth 300 exactly; the base size is that over the price, rounded half to even."""
    log = Log(market="s")
    log.add(define(log, value="100", inverse=True), log.frame("trades", trade(1, price="7", size="3")))
    assert told(log) == [(3, Decimal("42.857142857142857143"), 300)]


def test_a_contract_not_defined_yet_has_no_base_size() -> None:
    """A size nobody can convert stays as sent; nothing is guessed, also not backwards from a later definition."""
    log = Log(market="s")
    log.add(log.frame("trades", trade(1)), define(log), log.frame("trades", trade(2)), define(log, value="2"))
    log.put("trades", trade(3))
    assert told(log) == [(2, None, None), (2, None, None), (2, 4, 6)]


def test_a_definition_holds_from_its_place_in_the_log_on() -> None:
    """Within a record, between records, for each symbol by itself, and after a restart."""
    log = Log(market="s")
    log.add(
        define(log, value="1"),
        log.frame("trades", trade(1)),
        define(log, value="10"),
        log.frame("trades", trade(2)),
    )
    log.put("trades", trade(3))
    log.put("trades", trade(3), symbol="CD")
    assert [base for _, base, _ in told(log)] == [2, 20, 20, None]
    first, second = core(), core()
    first.process(log.records[:1])
    second.restore({key: (offset, state) for key, offset, state in first.dirty()})
    assert rows(second.process(log.records[1:]), "md.trades", "base_size") == [20, None]


def test_a_base_size_the_venue_sends_is_kept() -> None:
    """Where the parser knows the base size the definition changes nothing, though it has a contract value."""
    log = Log(market="m")
    log.add(define(log, value="10"), log.frame("trades", trade(1)))
    assert told(log) == [(2, 2, 3)]


def test_liquidations_are_converted_too() -> None:
    """They have a base size and no notional."""
    log = Log(market="s")
    log.add(define(log, value="0.5"), log.frame("liquidations", {"rows": [{"p": "3", "q": "4"}]}))
    assert rows(core().process(log.records), "md.liquidations", "size", "base_size") == [(4, 2)]


@pytest.mark.parametrize(
    ("inverse", "size", "price", "value", "base", "worth"),
    [
        (False, "3", "2", "0.000000000000000001", "0.000000000000000003", "0.000000000000000006"),
        (False, "0.1", "2", "0.000000000000000001", None, None),
        (True, "1", "0", "100", None, "100"),
        (True, "1", "0.000000000000000001", "100000000000000", None, "100000000000000"),
        (True, "1", "2", "0.000000000000000001", "0", "0.000000000000000001"),
        (True, "3", "2", "0.000000000000000001", "0.000000000000000002", "0.000000000000000003"),
        (True, None, "2", "1", None, None),
    ],
)
def test_what_does_not_fit_is_null(
    inverse: bool,
    size: str | None,
    price: str,
    value: str,
    base: str | None,
    worth: str | None,
) -> None:
    """Products are exact or null, quotients rounded half to even once; a price of 0 divides nothing."""
    columns = {
        "size": decimals(size),
        "price": decimals(price),
        "base_size": decimals(None),
        "notional": decimals(None),
    }
    fill_sizes(columns, lambda: (decimals(value), pa.array([inverse])))
    assert columns["base_size"].equals(decimals(base))
    assert columns["notional"].equals(decimals(worth))


def test_a_notional_that_is_there_is_kept() -> None:
    """Only nulls are filled."""
    columns = {
        "size": decimals("1", "1"),
        "price": decimals("2", "2"),
        "base_size": decimals("1", "1"),
        "notional": decimals("9", None),
    }
    fill_sizes(columns, lambda: (decimals(None, None), pa.array([False, False])))
    assert columns["notional"].equals(decimals("9", "2"))
