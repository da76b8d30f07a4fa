"""The options that say what is recorded mean the same to every command that takes them."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from cryptoflow import registry
from cryptoflow.commands._venues import check_places, recorded, selections_of, venues_of, what_is_recorded, with_flags
from cryptoflow.config import Producer, Settings
from cryptoflow.errors import ConfigError

FOUND = registry.load("exchanges", "EXCHANGE")


def named(exchanges: tuple[str, ...], markets: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the markets by venue that the names mean."""
    return {one.exchange.name: one.markets for one in venues_of(FOUND, exchanges, markets)}


def test_every_command_means_the_venues_as_configured() -> None:
    """As of the moments of `dialects`, and with no setting of a place that does not exist."""
    old = Settings(environment="test", dialects={"okx": "2022-05-13T06:00:00Z"})
    (venue,) = recorded(old, ("okx",), ("swap",))
    assert venue.exchange.markets["swap"] != FOUND["okx"].markets["swap"]
    assert [one.exchange for one in recorded(Settings(), ("okx",), ())] == [FOUND["okx"]]
    with pytest.raises(ConfigError, match=r"there is no market okx\.moon"):
        recorded(Settings(producer=Producer(channels={"okx.moon": ("trades",)})), (), ())


def test_without_names_the_whole_default_venue_is_meant() -> None:
    """Nothing said is not nothing recorded."""
    assert named((), ()) == {"binance": tuple(FOUND["binance"].markets)}


@pytest.mark.parametrize(
    ("exchanges", "markets", "expected"),
    [
        (("okx",), (), {"okx": tuple(FOUND["okx"].markets)}),
        (("okx", "okx"), ("swap",), {"okx": ("swap",)}),
        (("okx", "kraken"), ("futures",), {"okx": ("futures",), "kraken": ("futures",)}),
        (
            ("okx", "kraken"),
            ("okx.futures",),
            {"okx": ("futures",), "kraken": tuple(FOUND["kraken"].markets)},
        ),
        (("bybit",), ("spot", "bybit.spot", "linear"), {"bybit": ("spot", "linear")}),
    ],
)
def test_a_market_is_that_of_every_named_venue_that_has_it(
    exchanges: tuple[str, ...], markets: tuple[str, ...], expected: dict[str, tuple[str, ...]]
) -> None:
    """A name in full is one venue's alone; a venue of which no market is named is recorded whole."""
    assert named(exchanges, markets) == expected


@pytest.mark.parametrize(
    ("exchanges", "markets", "text"),
    [(("nowhere",), (), "no exchange nowhere"), (("okx", "kraken"), ("moon",), "okx and kraken has no market moon")],
)
def test_what_does_not_exist_is_refused(exchanges: tuple[str, ...], markets: tuple[str, ...], text: str) -> None:
    """The line names what there is instead."""
    with pytest.raises(ConfigError, match=text) as caught:
        venues_of(FOUND, exchanges, markets)
    assert "one of" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("setting", "values", "wrong"),
    [
        ("channels", {"okx.spot": ("trades",), "okx.swp": ("trades",)}, "okx.swp"),
        ("channels", {"okx": ("trades",)}, "okx"),
        ("connections_per_stream", {"okx": 2, "bybit.linear": 2, "okxx": 2}, "okxx"),
        ("connections_per_stream", {"okx.moon": 2}, "okx.moon"),
        ("endpoints", {"okx.spot.rest": "http://a", "okxx.spot.rest": "http://a"}, "okxx.spot.rest"),
    ],
)
def test_a_setting_of_a_market_that_does_not_exist_is_refused(
    setting: str, values: dict[str, object], wrong: str
) -> None:
    """Whoever misspelled it would wait for its effect in vain; markets that others record are fine."""
    with pytest.raises(ConfigError, match=rf"^producer.{setting}: there is no .* {wrong}; one of "):
        check_places(Settings(environment="test", producer=Producer(**{setting: values})), FOUND)
    fine = {key: value for key, value in values.items() if key != wrong}
    check_places(Settings(environment="test", producer=Producer(**{setting: fine})), FOUND)


def test_the_command_line_replaces_the_configured_symbols() -> None:
    """Names and expressions are read together; without either the configuration holds."""
    settings = Settings(producer=Producer(symbols=("okx: quote=USDT",)))
    assert selections_of(settings, (), ()).of("okx", "spot").filters == {"quote": frozenset({"USDT"})}
    given = selections_of(settings, ("okx.swap: top=3",), ("AAA",))
    assert given.of("okx", "swap").top == 3
    assert given.of("okx", "spot").names == ("AAA",)


def test_flags_change_only_what_they_name() -> None:
    """A replica index given by hand is not overruled by a hostname."""
    settings = Settings(producer=Producer(replica_from="ordinal", replica_count=4, streams=("book",)))
    assert with_flags(settings, None) == settings
    own = with_flags(settings, "trades,book,trades", 5, 2).producer
    assert (own.streams, own.replica_count, own.replica_index, own.replica_from) == (
        ("trades", "book"),
        5,
        2,
        "setting",
    )
    with pytest.raises(ConfigError, match="candles is no stream kind"):
        with_flags(settings, "book,candles")


def test_a_command_gets_all_five_options() -> None:
    """They repeat where repeating means something."""
    seen: dict[str, object] = {}

    @click.command()
    @what_is_recorded
    def command(**given: object) -> None:
        seen.update(given)

    words = ["--exchange", "okx", "--exchange", "kraken", "--market", "spot", "--symbols", "top=2", "--symbol", "A"]
    assert CliRunner().invoke(command, words).exit_code == 0
    assert seen == {
        "exchanges": ("okx", "kraken"),
        "markets": ("spot",),
        "expressions": ("top=2",),
        "names": ("A",),
        "streams": None,
    }
