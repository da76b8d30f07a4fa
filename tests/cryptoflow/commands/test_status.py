"""`cryptoflow status` shows the streams of running producers, and which of them are not well."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptoflow import gaps
from cryptoflow.config import Settings
from cryptoflow.health import Facts, HealthServer
from cryptoflow.localstack import record


def row(symbol: str, **changes: Any) -> dict[str, Any]:
    """Describe a stream that is well."""
    return {
        "exchange": "okx", "market": "swap", "symbol": symbol, "stream": "trades", "name": f"trades:{symbol}",
        "state": "ok", "last_ns": 5, "silence_s": 0.25, "limit_s": 30.0, "frames": 7, "rate_per_s": 12.3456,
        "expected_per_s": 12.0, "gaps": 0, "last_gap": "", "resyncs": 0, "book_valid": None, "owner": "0/2",
        "handover": "", "feed": "", "address": "", "conn": "c", **changes,
    }  # fmt: skip


ROWS = [
    row("AAA"),
    row("BBB", stream="book", book_valid=False, resyncs=2, gaps=3, last_gap="silence", handover="giving"),
    row("CCC", exchange="binance", market="usdm", rate_per_s=1.0),
    row("*", stream="liquidations", state="silent", silence_s=None, expected_per_s=None),
    row("DDD", stream="liquidations", state="unheard", silence_s=None, expected_per_s=None),
    row("DDD", stream="quotes", rate_per_s=0.0, expected_per_s=0.4),
]


@pytest.fixture
def producer() -> Iterator[str]:
    """Serve a producer's status."""
    server = HealthServer(
        "127.0.0.1", 0, lambda: Facts(live=True, ready=True), lambda: {"replica": 0, "at_ns": 1, "streams": ROWS}
    )
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def symbols(result: Any) -> list[str]:
    """Return the symbols shown in JSON."""
    return [one["symbol"] for told in json.loads(result.stdout) for one in told["streams"]]


def test_each_stream_is_a_line(cli: Callable[..., Any], producer: str) -> None:
    """With what a person asks of it."""
    shown = cli("status", "--url", producer)
    assert shown.exit_code == 0, shown.output
    where = producer.removeprefix("http://")
    assert shown.stdout.splitlines()[3].split() == [
        *("okx.swap", "AAA", "trades", "ok", "0.2", "s", "ago", "12.35/s", "12/s"),
        *("0", "-", "0", "-", "0/2", where),
    ]
    assert "3 (silence)  -     2        invalid  0/2 giving" in shown.stdout
    told = "cryptoflow: open gaps shown as - are not known: no broker is configured, and no local stack runs\n"
    assert shown.stderr == told


def test_a_symbol_that_waits_to_be_listed_is_told(cli: Callable[..., Any]) -> None:
    """In a line however many replicas and markets know of it, and in JSON by producer."""
    waiting = [{"exchange": "okx", "market": market, "symbol": "NOPE"} for market in ("spot", "swap")]
    server = HealthServer(
        "127.0.0.1", 0, lambda: Facts(live=True, ready=True), lambda: {"streams": [], "waiting": waiting}
    )
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    shown = cli("status", "--url", url, "--url", url)
    [told, _] = json.loads(cli("status", "--url", url, "--url", url, "--json").stdout)
    server.stop()
    assert shown.stderr == "cryptoflow: NOPE was added and is not listed by okx.spot, okx.swap: it waits until it is\n"
    assert told["waiting"] == waiting


def test_gaps_that_agents_declared_are_shown(
    cli: Callable[..., Any], producer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those open now, by symbol and stream; a stream with one is not well, however its frames flow."""
    one, other = gaps.OpenGap("g1", "sequence", 7), gaps.OpenGap("g2", "unreadable", 8)
    streams = {("okx", "swap", "AAA", "trades"): [one], ("okx", "swap", "EEE", "liquidations"): [one, other]}
    monkeypatch.setattr(gaps, "declared", lambda _: gaps.Declared(streams))
    shown = cli("status", "--url", producer)
    assert shown.stderr == ""
    by_stream = {tuple(line.split()[1:3]): line for line in shown.stdout.splitlines()}
    assert "0            1 (sequence)    0" in by_stream["AAA", "trades"]
    assert "0            2 (unreadable)  0" in by_stream["*", "liquidations"]
    assert "3 (silence)  0               2" in by_stream["BBB", "book"]
    [told] = json.loads(cli("status", "--url", producer, "--json", "--bad").stdout)
    assert [row["symbol"] for row in told["streams"]] == ["CCC", "*", "AAA", "BBB"]
    assert told["gaps_open_unknown"] == ""
    assert told["streams"][2]["gaps_open"] == [{"gap_id": "g1", "cause": "sequence", "from_ns": 7}]
    assert told["streams"][3]["gaps_open"] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["CCC", "*", "AAA", "BBB", "DDD", "DDD"]),
        (("--exchange", "binance"), ["CCC"]),
        (("--market", "swap", "--streams", "trades,liquidations"), ["*", "AAA", "DDD"]),
        (("--market", "binance.usdm"), ["CCC"]),
        (("--symbol", "AAA", "--symbol", "CCC"), ["CCC", "AAA"]),
        (("--bad",), ["CCC", "*", "BBB"]),
    ],
)
def test_streams_can_be_chosen(
    cli: Callable[..., Any], producer: str, words: tuple[str, ...], expected: list[str]
) -> None:
    """By venue, market, symbol and kind; and only those that are not well: a lull of a rare stream is none."""
    assert symbols(cli("status", "--url", producer, "--json", *words)) == expected


def test_a_producer_that_does_not_answer_is_told(cli: Callable[..., Any], producer: str) -> None:
    """What the others say is shown all the same; the exit code is 3."""
    shown = cli("status", "--url", "http://127.0.0.1:1", "--url", producer, "--json")
    assert shown.exit_code == 3
    assert symbols(shown)[:1] == ["CCC"]
    assert "asking http://127.0.0.1:1" in shown.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--url", "127.0.0.1:9100"), "127.0.0.1:9100 is no URL of http; write http://127.0.0.1:9100"),
        (("--url", "http://a b:1"), "http://a b:1 is no URL of http; write"),
        (("--url", "http://[::1"), "http://[::1 is no URL of http; write"),
        (("--url", "http://127.0.0.1:99999"), "http://127.0.0.1:99999 is no URL of http; write"),
        (("--url", "file:///etc/hostname"), "file:///etc/hostname is no URL of http; write"),
        (("--streams", "trade"), "--streams: trade is no stream kind; one of trades, quotes"),
        (("--symbol", "AAA", "--symbol", "ZZZ"), "none of these producers has a stream of the symbol ZZZ; "),
        (("--exchange", "okex"), "none of these producers has a stream of the exchange okex; "),
        (("--market", "okx.spot"), "none of these producers has a stream of the market okx.spot; "),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    error_line: Callable[..., str], producer: str, words: tuple[str, ...], expected: str
) -> None:
    """An empty table would look as if all were well."""
    told = () if "--url" in words else ("--url", producer)
    assert expected in error_line(2, "status", "--bad", *told, *words)


def test_spaces_between_kinds_are_no_kinds(cli: Callable[..., Any], producer: str) -> None:
    """As people write lists."""
    assert symbols(cli("status", "--url", producer, "--json", "--streams", "book, quotes")) == ["BBB", "DDD"]


def test_what_does_not_speak_http_is_told(error_line: Callable[..., str]) -> None:
    """Such as the port of a broker."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1024)
            connection.sendall(b"no such protocol\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert f"asking {url}: no such protocol" in error_line(3, "status", "--json", "--url", url)
        thread.join()


def test_something_else_is_no_producer(error_line: Callable[..., str]) -> None:
    """A process without a status, and one with another."""
    server = HealthServer("127.0.0.1", 0, lambda: Facts(live=True, ready=True), lambda: {"streams": 5})
    server.start()
    assert "it is no producer" in error_line(3, "status", "--url", f"http://127.0.0.1:{server.port}")
    server.stop()
    server = HealthServer("127.0.0.1", 0, lambda: Facts(live=True, ready=True))
    server.start()
    assert "status 404" in error_line(3, "status", "--url", f"http://127.0.0.1:{server.port}")
    server.stop()


def test_where_to_ask_is_configured_or_the_local_stack(
    cli: Callable[..., Any], error_line: Callable[..., str], producer: str, tmp_path: Path
) -> None:
    """Nothing is guessed beyond that."""
    assert symbols(cli("status", "--json", CRYPTOFLOW_HEALTH_PORT=producer.rpartition(":")[2]))[0] == "CCC"
    assert "neither health_port is configured" in error_line(2, "status")
    folder = tmp_path / "stack"
    folder.mkdir()
    record.write(folder, record.StackRecord(os.getpid(), {}, Settings()))
    record.write_health(folder, {"producer": producer})
    assert symbols(cli("status", "--json", "--data-dir", str(folder)))[0] == "CCC"
