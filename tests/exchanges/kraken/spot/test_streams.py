"""Kraken spot: names, requests and answers of WebSocket v2."""

from __future__ import annotations

import json

import pytest

from exchanges import NO_REQUEST, Ack, StreamKind
from exchanges.kraken.spot.streams import (
    DEPTH_DEFAULT,
    DEPTHS,
    ENDPOINTS,
    REQUEST_ID_STEP,
    STREAMS,
    TRADE_FILL,
    ack,
    depth_of,
    heard_as,
    is_reconnect_notice,
    request_group,
    stream_name,
    subscribe,
    unsubscribe,
)


def answer(**fields: object) -> bytes:
    """Write an answer of the venue."""
    return json.dumps(fields, separators=(",", ":")).encode()


def test_each_depth_is_a_channel_and_one_is_the_default() -> None:
    """Every documented depth can be asked for by channel; books are taken at one depth by default."""
    books = [stream for stream in STREAMS if stream.kind is StreamKind.BOOK]
    assert [stream.channel for stream in books] == [f"book@{depth}" for depth in DEPTHS]
    assert [stream.channel for stream in books if stream.default] == [f"book@{DEPTH_DEFAULT}"]


@pytest.mark.parametrize(
    ("name", "heard", "group", "depth"),
    [
        ("book@1000:BTC/USD", "book:BTC/USD", "book@1000", 1000),
        ("book@10:BTC/USD", "book:BTC/USD", "book@10", 10),
        ("book:BTC/USD", "book:BTC/USD", "book", None),
        ("trade:BTC/USD", "trade:BTC/USD", "trade", None),
        ("ticker:DOGE/USD", "ticker:DOGE/USD", "ticker", None),
        ("book@:X/Y", "book:X/Y", "book@", None),
        ("", ":", "", None),
    ],
)
def test_names_tell_channel_depth_and_symbol(name: str, heard: str, group: str, depth: int | None) -> None:
    """The depth is in the name, and is left out of what frames tell."""
    assert (heard_as(name), request_group(name), depth_of(name)) == (heard, group, depth)


def test_unsubscribing_repeats_the_depth() -> None:
    """PROTOCOLS 7.1.2: the depth stands in both requests, and no other request has one."""
    for stream in STREAMS:
        names = [stream_name(stream, symbol) for symbol in ("BTC/USD", "ETH/USD")]
        for make in (subscribe, unsubscribe):
            params = json.loads(make(1, names))["params"]
            assert params["symbol"] == ["BTC/USD", "ETH/USD"]
            assert params.get("depth") == depth_of(names[0])
            assert params["channel"] == stream.channel.partition("@")[0]
    assert json.loads(subscribe(1, ["ticker:BTC/USD"]))["params"]["event_trigger"] == "bbo"
    assert json.loads(subscribe(1, ["trade:BTC/USD"]))["params"]["snapshot"] is False


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.channel)
def test_a_refusal_names_its_stream(stream: object) -> None:
    """One answer per symbol, with our id: a refusal names the symbol alone, our id tells the channel asked for."""
    name = stream_name(stream, "XBT/USD")  # type: ignore[arg-type]  # STREAMS holds streams
    number = json.loads(subscribe(41, [name]))["req_id"]
    refused = answer(method="subscribe", error="Currency pair not supported XBT/USD", success=False, symbol="XBT/USD")
    refused = refused[:-1] + b',"req_id":%d}' % number
    assert ack(refused) == Ack(41, "Currency pair not supported XBT/USD", (name,))


def accepted(verb: str, channel: str, number: int | None = None, **more: object) -> bytes:
    """Write an answer that accepts a request about BTC/USD."""
    fields: dict[str, object] = {"result": {"channel": channel, "symbol": "BTC/USD", **more}}
    return answer(method=verb, success=True, **fields, **({} if number is None else {"req_id": number}))


@pytest.mark.parametrize(
    ("frame", "want"),
    [
        (accepted("subscribe", "trade", 100), (1, "", ("trade:BTC/USD",), True)),
        (accepted("unsubscribe", "book", 304), (3, "", ("book@100:BTC/USD",), False)),
        (accepted("subscribe", "book", depth=25), (NO_REQUEST, "", ("book@25:BTC/USD",), True)),
        (answer(method="subscribe", success=False, error="Bad"), (NO_REQUEST, "Bad", (), True)),
        (answer(method="subscribe", success=False, error="", req_id=200), (2, "refused", (), True)),
        (accepted("subscribe", "trade", 199), (1, "", ("trade:BTC/USD",), True)),
        (answer(method="subscribe", success=True), None),
        (answer(method="subscribe", params={"channel": "book"}, req_id=1), None),
        (answer(method="pong", success=True, req_id=1), None),
        (answer(method="subscribe", success="yes"), None),
        (b'{"channel":"heartbeat"}', None),
        (b"[" * 100_000, None),
    ],
)  # fmt: skip
def test_answers_are_read(frame: bytes, want: tuple[object, ...] | None) -> None:
    """Accepted, refused and given up; an answer that says nothing is none."""
    assert ack(frame) == (Ack(*want) if want else None)  # type: ignore[arg-type]  # the fields of an Ack, in order


def test_request_ids_leave_room_for_every_channel() -> None:
    """The channel stands in the last digits of the id we send."""
    assert len(STREAMS) < REQUEST_ID_STEP


@pytest.mark.parametrize(
    ("system", "want"),
    [("online", False), ("maintenance", True), ("cancel_only", False), ("post_only", False), ("limit_only", False)],
)
def test_only_maintenance_asks_for_another_connection(system: str, want: bool) -> None:
    """A status comes first on every connection: `online` and announcements would replace it without end."""
    frame = answer(channel="status", type="update", data=[{"system": system, "version": "2.0.0"}])
    assert is_reconnect_notice(frame) is want
    announced = [{"phase": "final_warning_30s", "services": ["spot_ws"], "recommended_action": "disconnect_and_wait"}]
    more = {"system": system, "upcoming_maintenance": announced, "emergency": [{"services": ["all"]}]}
    assert is_reconnect_notice(answer(channel="status", type="update", data=[more])) is want


def test_limits_are_the_documented_ones() -> None:
    """PROTOCOLS 7.1.3: 150 connections in ten minutes, 20 messages a second, a sign of life each minute."""
    (endpoint,) = ENDPOINTS
    assert (endpoint.connects_max, endpoint.connects_window_s, endpoint.messages_per_s) == (150, 600.0, 20.0)
    assert endpoint.heartbeat == b'{"method":"ping"}'
    assert endpoint.heartbeat_interval_s is not None
    assert endpoint.heartbeat_interval_s < 60


def test_missing_trades_are_looked_for_among_the_newest() -> None:
    """REST takes no id: whatever is asked for, the newest trades are, and they come in rising order."""
    assert TRADE_FILL.request("BTC/USD", 1) == TRADE_FILL.request("BTC/USD", 99)
    body = b'{"error":[],"result":{"XXBTZUSD":[["1","1",1.0,"b","m","",9],["1","1",1.0,"s","l","",8]],"last":"1"}}'
    assert [one for one, _ in TRADE_FILL.trades("BTC/USD", body)] == [8, 9]
    for wrong in (b'{"error":[],"result":{"last":"1"}}', b'{"error":["EQuery:Unknown asset pair"]}', b"null"):
        with pytest.raises(ValueError, match=r".+"):
            TRADE_FILL.trades("BTC/USD", wrong)
