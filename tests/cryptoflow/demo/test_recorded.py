"""What recordings hold becomes what is subscribed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.plan import MarketPlan, Plan
from cryptoflow.demo.recorded import channels_of, plan_of
from cryptoflow.errors import ConfigError
from exchanges.binance import USDM
from exchanges.bybit import LINEAR

T = 1_790_000_000_000_000_000


def _recording(path: Path, host: str, *streams: str) -> Path:
    with gzip.open(path, "wt") as file:
        rows = [{"t": T, "conn": "w", "ev": "open", "url": f"wss://{host}/stream"}]
        rows += [
            {"t": T + 1, "conn": "w", "ev": "recv", "data": f'{{"stream":"{stream}","data":{{}}}}'}
            for stream in streams
        ]
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def test_a_generated_market_is_subscribed_whole() -> None:
    """Every market that is generated, with its default streams and all symbols."""
    wanted = DemoOptions(markets=("binance.usdm", "binance.spot"))
    assert plan_of(wanted) == Plan("test", (MarketPlan("binance.usdm"), MarketPlan("binance.spot")))


def test_a_replay_subscribes_what_is_recorded_and_known(tmp_path: Path) -> None:
    """Channels the market does not have, such as klines, are not asked for."""
    streams = ("btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@depth@100ms")
    path = _recording(tmp_path / "one", "fstream.binance.com", *streams)
    planned = plan_of(DemoOptions(recordings=(path,)))
    markets = (MarketPlan("binance.usdm", ("BTCUSDT",), ("aggTrade", "depth@100ms")),)
    said = "1 recorded rows are not replayed: binance btcusdt@kline_1m (1)"
    assert planned == Plan("replay", markets, left_out={"binance btcusdt@kline_1m": 1}, omissions=said)


def test_several_markets_are_replayed_side_by_side(tmp_path: Path) -> None:
    """Each with its own symbols and channels."""
    paths = (
        _recording(tmp_path / "one", "fstream.binance.com", "btcusdt@aggTrade"),
        _recording(tmp_path / "two", "stream.binance.com", "ethusdt@bookTicker"),
    )
    planned = plan_of(DemoOptions(recordings=paths))
    assert planned.markets == (
        MarketPlan("binance.usdm", ("BTCUSDT",), ("aggTrade",)),
        MarketPlan("binance.spot", ("ETHUSDT",), ("bookTicker",)),
    )


def test_a_channel_is_known_by_its_streams() -> None:
    """The names are the market's own, of the symbols recorded."""
    assert channels_of(USDM, ["BTCUSDT"], ["btcusdt@depth@0ms", "ethusdt@aggTrade"]) == ("depth@0ms",)


@pytest.mark.parametrize(
    ("streams", "wanted"),
    [
        (("orderbook.50.A", "orderbook.200.A", "orderbook.1.A"), ("orderbook.1", "orderbook.200")),
        (("orderbook.1000.A", "orderbook.50.A"), ("orderbook.50",)),
        (("orderbook.50.A", "orderbook.200.B"), ("orderbook.200", "orderbook.50")),
    ],
)
def test_a_symbol_has_one_channel_of_books(streams: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Each depth counts by itself: the default is taken, else the first; other symbols may have another."""
    assert channels_of(LINEAR, ["A", "B"], streams) == wanted


def test_a_market_nobody_can_record_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator may know a venue that has no folder yet."""
    monkeypatch.setattr("cryptoflow.registry.load", lambda _package, _name: {})
    path = _recording(tmp_path / "one", "fstream.binance.com", "btcusdt@aggTrade")
    with pytest.raises(ConfigError, match=r"there is no market binance\.usdm"):
        plan_of(DemoOptions(recordings=(path,)))


def test_recordings_of_two_dialects_are_not_mixed(tmp_path: Path) -> None:
    """One process reads an exchange as of one moment."""
    paths = []
    for name, day_ns in (("then", 1_650_000_000_000_000_000), ("lately", T)):
        path = tmp_path / name
        row = {"t": day_ns, "conn": "w", "ev": "open", "url": "wss://ws.okx.com:8443/ws/v5/public"}
        data = '{"arg":{"channel":"trades","instId":"A-USDT"},"data":[{}]}'
        path.write_text("".join(json.dumps(one) + "\n" for one in (row, {**row, "ev": "recv", "data": data})))
        paths.append(path)
    assert plan_of(DemoOptions(recordings=(paths[0],))).dialects.keys() == {"okx"}
    with pytest.raises(ConfigError, match="okx spoke otherwise"):
        plan_of(DemoOptions(recordings=tuple(paths)))


def test_an_old_recording_is_subscribed_as_the_venue_spoke_then(tmp_path: Path) -> None:
    """A channel that contracts lost in 2025 is one of a recording from before, and read as of its date."""
    path, told_ns = tmp_path / "one", 1_700_000_000_000_000_000
    row = {"t": told_ns, "conn": "w", "ev": "open", "url": "wss://stream.bybit.com/v5/public/linear"}
    frame = {"t": told_ns + 1, "conn": "w", "ev": "recv", "data": '{"topic":"orderbook.500.A","type":"delta"}'}
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(one) + "\n" for one in (row, frame))
    planned = plan_of(DemoOptions(recordings=(path,)))
    assert planned.markets == (MarketPlan("bybit.linear", ("A",), ("orderbook.500",)),)
    assert planned.dialects == {"bybit": "2023-11-14T22:13:20+00:00"}
