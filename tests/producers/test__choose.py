"""Symbols are chosen by one small grammar; what is wrong with an expression is one line."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from cryptoflow.errors import ConfigError
from producers._choose import Selection, choose, parse, selections
from schemas import InstrumentDefinition


def definition(native: str, symbol: str, kind: str = "perpetual", *, trading: bool = True) -> InstrumentDefinition:
    """Invent an instrument."""
    base, quote = symbol.split("-")[:2]
    return InstrumentDefinition(native, symbol, base, quote, quote, kind, "on", is_trading=trading)


LISTED = [
    definition("AAAUSDT", "AAA-USDT-PERP"),
    definition("BBBUSDT", "BBB-USDT-PERP"),
    definition("CCCUSDT", "CCC-USDT-PERP", trading=False),
    definition("AAAUSDC", "AAA-USDC-PERP"),
    definition("AAAUSDT_261225", "AAA-USDT-261225", "future"),
]
VOLUMES = {"AAAUSDT": Decimal(5), "BBBUSDT": Decimal(7), "AAAUSDC": Decimal(6)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["AAAUSDT", "BBBUSDT", "AAAUSDC", "AAAUSDT_261225"]),
        ("all", ["AAAUSDT", "BBBUSDT", "AAAUSDC", "AAAUSDT_261225"]),
        ("BBBUSDT", ["BBBUSDT"]),
        ("BBB-USDT-PERP,AAAUSDT AAAUSDT", ["BBBUSDT", "AAAUSDT"]),
        ("CCCUSDT", ["CCCUSDT"]),
        ("quote=USDT kind=perpetual", ["AAAUSDT", "BBBUSDT"]),
        ("quote=USDT,USDC kind=perpetual exclude=BBB-USDT-PERP,GONEUSDT", ["AAAUSDT", "AAAUSDC"]),
        ("top=2", ["BBBUSDT", "AAAUSDC"]),
        ("top=2 exclude=BBBUSDT", ["AAAUSDC"]),
        ("quote=USDT top=1 AAAUSDT", ["BBBUSDT", "AAAUSDT"]),
        ("base=BBB", ["BBBUSDT"]),
        ("settle=USDC", ["AAAUSDC"]),
        ("kind=future", ["AAAUSDT_261225"]),
        ("all exclude=AAAUSDT", ["BBBUSDT", "AAAUSDC", "AAAUSDT_261225"]),
        ("exclude=AAAUSDT", ["BBBUSDT", "AAAUSDC", "AAAUSDT_261225"]),
    ],
)
def test_an_expression_means_these_symbols(text: str, expected: list[str]) -> None:
    """Filters, then the top by traded value, then what is left out, then what is named."""
    assert choose(parse(text), LISTED, VOLUMES).symbols == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", ["AAA-USD", "BBB-USDC"]),
        ("quote=USDC", ["BBB-USDC"]),
        ("top=2", ["BBB-USDC", "AAA-USD"]),
        ("AAA-USDC", ["AAA-USD"]),
        ("AAA-USDC,AAA-USD", ["AAA-USD"]),
        ("all exclude=AAA-USDC", ["AAA-USD", "BBB-USDC"]),
    ],
)
def test_a_product_whose_data_is_anothers_is_chosen_as_that_one(text: str, expected: list[str]) -> None:
    """Under its own name nothing would ever come: the venue sends the other's data (PROTOCOLS 6.2.6)."""
    aliased = msgspec.structs.replace(definition("AAA-USDC", "AAA-USDC", "spot"), alias_of="AAA-USD")
    found = [aliased, definition("AAA-USD", "AAA-USD", "spot"), definition("BBB-USDC", "BBB-USDC", "spot")]
    volumes = {"AAA-USDC": Decimal(9), "AAA-USD": Decimal(1), "BBB-USDC": Decimal(5)}
    chosen = choose(parse(text), found, volumes)
    assert (chosen.symbols, chosen.unknown) == (expected, [])


def test_an_alias_of_what_is_not_listed_is_chosen_itself() -> None:
    """There is no other product to record in its place."""
    alone = msgspec.structs.replace(definition("AAA-USDC", "AAA-USDC", "spot"), alias_of="AAA-USD")
    assert choose(parse("AAA-USDC"), [alone], {}).symbols == ["AAA-USDC"]
    assert choose(parse("all"), [alone], {}).symbols == ["AAA-USDC"]


def test_equal_volumes_are_ordered_by_name() -> None:
    """Two processes choose alike."""
    assert choose(parse("top=2"), reversed(LISTED), {}).symbols == ["AAAUSDC", "AAAUSDT"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("top=none", "top= takes a number above 0"),
        ("top=0", "top= takes a number above 0"),
        ("top=1 top=2", "top= stands twice"),
        ("quote=USDT quote=USDC", "quote= stands twice"),
        ("quote=", "a name is empty"),
        ("AAAUSDT,,BBBUSDT", "a name is empty"),
        ("kind=swap", "a kind is one of spot, perpetual, future"),
        ("volume=3", "there is no volume="),
    ],
)
def test_a_wrong_word_is_named(text: str, why: str) -> None:
    """The line quotes the word and tells the grammar."""
    with pytest.raises(ConfigError, match=why) as caught:
        parse(text)
    assert "kind=spot|perpetual|future" in caught.value.fix
    assert "\n" not in str(caught.value)


def test_only_names_need_nothing_of_the_venue() -> None:
    """A list can be planned without asking anybody."""
    assert parse("AAAUSDT,BBBUSDT").is_list
    assert not any(parse(text).is_list for text in ("", "all", "AAAUSDT top=3", "quote=USDT", "exclude=AAAUSDT"))


def test_the_narrowest_scope_speaks() -> None:
    """A market's own expression replaces the exchange's, which replaces the one for all."""
    found = selections(["quote=USDT", "binance: BBBUSDT", "binance.spot: base=AAA", "binance.spot:top=2"])
    assert found.of("okx", "swap") == parse("quote=USDT")
    assert found.of("binance", "usdm") == parse("BBBUSDT")
    assert found.of("binance", "spot") == parse("base=AAA top=2")
    assert selections([]).of("okx", "swap") == Selection()


def test_a_scope_this_process_does_not_record_is_refused() -> None:
    """A mistyped market would silently record everything."""
    markets = {"binance": ("spot", "usdm")}
    selections(["binance: a", "binance.usdm: b", "c"]).check(markets)
    for scope in ("okx", "binance.coinm"):
        with pytest.raises(ConfigError, match=f"{scope}: is not recorded"):
            selections([f"{scope}: AAAUSDT"]).check(markets)


def test_a_name_must_be_listed_by_one_of_the_markets_it_speaks_to() -> None:
    """With several markets a name need not be in all of them."""
    found = selections(["AAAUSDT,AAA-USD", "okx.swap: X"])
    both = {("binance", "usdm"): ["AAA-USD"], ("coinbase", "spot"): ["AAAUSDT"], ("okx", "swap"): []}
    found.refuse_unknown(both)
    with pytest.raises(ConfigError, match="choosing symbols: AAA-USD is not listed"):
        found.refuse_unknown({**both, ("coinbase", "spot"): ["AAA-USD", "AAAUSDT"]})
    with pytest.raises(ConfigError, match=r"of okx\.swap: X is not listed"):
        found.refuse_unknown({("okx", "swap"): ["X"]})
