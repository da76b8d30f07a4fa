"""What is recorded is chosen from the venue's own answers, within its limits."""

from __future__ import annotations

import dataclasses

import pytest

from cryptoflow import registry
from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError
from exchanges import Exchange, Per, Stream, StreamKind
from exchanges.binance import EXCHANGE as BINANCE
from exchanges.binance import USDM
from exchanges.coinbase import EXCHANGE as COINBASE
from producers._plan import (
    choose_streams,
    choose_symbols,
    first_requests,
    fits,
    infos,
    is_owned,
    refuse_rivals,
    spread,
)
from schemas import InstrumentDefinition

EXCHANGES = registry.load("exchanges", "EXCHANGE")


def definition(native: str, symbol: str, status: str = "TRADING") -> InstrumentDefinition:
    """Invent an instrument."""
    return InstrumentDefinition(native, symbol, "X", "Y", "Y", "perpetual", status, is_trading=status == "TRADING")


LISTED = [definition("AAAUSDT", "AAA-USDT-PERP"), definition("BBBUSDT", "BBB-USDT-PERP", "SETTLING")]


def test_default_channels_are_those_marked_so() -> None:
    """Nothing configured means the venue's defaults."""
    chosen = choose_streams("binance", USDM, Producer())
    assert [stream.channel for stream in chosen] == [one.channel for one in USDM.streams if one.default]


def test_channels_are_checked_against_the_market() -> None:
    """A wrong channel is one line that lists the right ones."""
    settings = Producer(channels={"binance.usdm": ("trade", "depth@0ms")})
    assert [stream.channel for stream in choose_streams("binance", USDM, settings)] == ["trade", "depth@0ms"]
    with pytest.raises(ConfigError, match=r"klines is not one; one of aggTrade"):
        choose_streams("binance", USDM, Producer(channels={"binance.usdm": ("aggTrade", "klines")}))
    with pytest.raises(ConfigError):
        choose_streams("binance", USDM, Producer(channels={"binance.usdm": ()}))


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        (("aggTrade", "trade", "depth@0ms"), "aggTrade and trade both bring trades; keep one of them"),
        (("depth@100ms", "aggTrade", "depth"), "depth@100ms and depth both bring book; keep one of them"),
        (("!bookTicker", "bookTicker"), "!bookTicker and bookTicker both bring quotes; keep one of them"),
    ],
)
def test_two_channels_of_one_symbols_trades_quotes_or_books_are_refused(channels: tuple[str, ...], told: str) -> None:
    """Their rows together would be every trade twice, with ids of two counts, or a book in disorder."""
    with pytest.raises(ConfigError, match=rf"^choosing channels of binance\.usdm: {told}"):
        refuse_rivals(BINANCE, ["usdm"], Producer(channels={"binance.usdm": channels}))
    refuse_rivals(BINANCE, ["usdm"], Producer(channels={"binance.usdm": ("aggTrade", "markPrice", "markPrice@1s")}))
    refuse_rivals(BINANCE, ["usdm"], Producer(channels={"binance.usdm": channels}, streams=("funding",)))


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_the_default_channels_of_a_market_are_no_rivals(exchange: Exchange) -> None:
    """One channel feeds the trades of a symbol, and one its book."""
    refuse_rivals(exchange, exchange.markets, Producer())


def test_symbols_come_from_the_venues_list() -> None:
    """Native and canonical names are understood, unknown ones refused, none means all that trade."""
    assert choose_symbols("binance", "usdm", ["BBB-USDT-PERP", "AAAUSDT", "AAAUSDT"], LISTED) == ["BBBUSDT", "AAAUSDT"]
    assert choose_symbols("binance", "usdm", [], LISTED) == ["AAAUSDT"]
    with pytest.raises(ConfigError, match="CCCUSDT is not listed"):
        choose_symbols("binance", "usdm", ["CCCUSDT"], LISTED)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_every_symbol_has_exactly_one_owner(count: int) -> None:
    """Replicas share the symbols without overlap, and each gets some."""
    replicas = [Producer(replica_count=count, replica_index=index) for index in range(count)]
    owners = [
        [index for index, one in enumerate(replicas) if is_owned("binance", "usdm", f"S{n}", one)] for n in range(200)
    ]
    assert all(len(one) == 1 for one in owners)
    assert len({one[0] for one in owners}) == count


def test_connections_stay_within_the_venues_limit_and_split_no_symbol() -> None:
    """All streams of a symbol on one endpoint are on one connection."""
    small = dataclasses.replace(
        USDM, endpoints=tuple(dataclasses.replace(endpoint, streams_max=7) for endpoint in USDM.endpoints)
    )
    symbols = [f"S{n}USDT" for n in range(10)]
    carried = spread(small, choose_streams("binance", small, Producer()), symbols)
    assert all(len(one.streams) <= 7 for one in carried)
    for endpoint in ("public", "market"):
        here = [one for one in carried if one.endpoint.name == endpoint]
        assert sorted({info.symbol for one in here for info in one.streams}) == sorted(symbols)
        for symbol in symbols:
            assert sum(any(info.symbol == symbol for info in one.streams) for one in here) == 1
    names = [info.name for one in carried for info in one.streams]
    assert len(names) == len(set(names)) == 50
    assert "s0usdt@depth@100ms" in names


def test_a_process_may_record_some_stream_kinds() -> None:
    """`--streams` leaves the other kinds to another process; a stream of two kinds is kept for either."""
    chosen = choose_streams("binance", USDM, Producer(streams=("book", "trades")))
    assert {stream.kind.value for stream in chosen} == {"book", "trades"}
    both = Stream(StreamKind.QUOTES, "ticker", "public", also=(StreamKind.FUNDING,))
    market = dataclasses.replace(USDM, streams=(both,))
    assert choose_streams("binance", market, Producer(streams=("funding",))) == (both,)
    assert choose_streams("binance", market, Producer(streams=("book",))) == ()


def test_symbols_leave_from_their_own_addresses() -> None:
    """A connection holds the symbols of one address."""
    symbols = [f"S{n}USDT" for n in range(6)]
    streams = choose_streams("binance", USDM, Producer())
    carried = spread(USDM, streams, symbols, address_of=lambda symbol: f"127.0.0.{1 + int(symbol[1]) % 2}")
    assert len(carried) == 4
    for one in carried:
        assert {f"127.0.0.{1 + int(info.symbol[1]) % 2}" for info in one.streams} == {one.address}


def test_streams_of_an_index_and_of_the_market_are_there_once() -> None:
    """Several instruments follow one index; a market without symbols of ours needs nothing."""
    streams = (
        Stream(StreamKind.TRADES, "trades", "public"),
        Stream(StreamKind.FUNDING, "index", "public", per=Per.INDEX),
        Stream(StreamKind.LIQUIDATIONS, "liquidations", "public", per=Per.MARKET),
    )
    market = dataclasses.replace(USDM, stream_name=lambda stream, key: f"{stream.channel}:{key}")
    units = infos(market, streams, ["A1", "A2", "B1"], {"A1": "A", "A2": "A"})
    names = [info.name for unit in units for info in unit]
    assert names == ["liquidations:", "trades:A1", "trades:A2", "trades:B1", "index:A"]
    assert infos(market, streams, []) == []


def test_every_limit_of_a_connection_is_kept() -> None:
    """Streams, book streams and the text of all names; what is subscribed besides counts."""
    endpoint = dataclasses.replace(
        USDM.endpoint("public"), streams_max=9, book_streams_max=2, names_max_chars=200, extra_streams=("beat",)
    )
    market = dataclasses.replace(USDM, endpoints=(endpoint,))
    streams = choose_streams("binance", market, Producer(channels={"binance.usdm": ("bookTicker", "depth@100ms")}))
    symbols = [f"S{n}USDT" for n in range(6)]
    carried = spread(market, streams, symbols)
    assert [len(one.streams) for one in carried] == [4, 4, 4]
    assert all(fits(endpoint, one.streams) for one in carried)
    assert not fits(endpoint, [*carried[0].streams, *carried[1].streams])
    for change in ({"book_streams_max": None}, {"book_streams_max": None, "names_max_chars": 60}):
        wider = dataclasses.replace(endpoint, **change)
        spreads = spread(dataclasses.replace(market, endpoints=(wider,)), streams, symbols)
        assert all(fits(wider, one.streams) for one in spreads)
        assert len(spreads) == (2 if len(change) == 1 else 6)


def test_what_a_connection_asks_for_first_is_told_before_it_opens() -> None:
    """The endpoint's own streams and the data, a channel per request (PROTOCOLS 6.2.2)."""
    market = COINBASE.markets["spot"]
    (carried,) = spread(market, market.streams, ["AAA-USD", "BBB-USD"])
    assert first_requests(market, carried) == [
        ["heartbeats"],
        *([f"{stream.channel}:{symbol}" for symbol in ("AAA-USD", "BBB-USD")] for stream in market.streams),
    ]
