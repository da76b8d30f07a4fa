"""Files of recordings become rows of venues."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.errors import ConfigError
from cryptoflow.simulator._rows import read_rows

OPEN = {"t": 1, "conn": "w", "ev": "open", "url": "wss://fstream.binance.com/stream"}


def text(*rows: dict[str, Any]) -> bytes:
    """Write rows as lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def recv(t: int, data: str, conn: str = "w") -> dict[str, Any]:
    """Return a row."""
    return {"t": t, "conn": conn, "ev": "recv", "data": data}


def heard(path: Path) -> list[bytes]:
    """Return the frames in the order of a replay."""
    return [row.data for _, row in read_rows(path).found if row.ev == "recv"]


def test_a_connection_keeps_its_order(tmp_path: Path) -> None:
    """Connections are laid over each other by time; a clock that was set back changes no order within one."""
    path = tmp_path / "r.jsonl"
    other = {**OPEN, "conn": "v"}
    path.write_bytes(text(OPEN, recv(10, "a"), recv(5, "b"), recv(20, "d"), other, recv(12, "c", "v")))
    assert heard(path) == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("cut", [1, 9])
def test_a_file_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    """A row that ends early is told; packed or not."""
    whole = text(OPEN, *(recv(number, f"x{number}" * 500) for number in range(2, 40)))
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(whole[:-cut])
    packed.write_bytes(gzip.compress(whole, 1)[:-cut])
    assert len(heard(plain)) == (38 if cut == 1 else 37)
    assert 0 < len(heard(packed)) <= 38
    assert read_rows(packed).left_out == {"packed: cut off in the middle of a row": 1}


def test_a_file_broken_inside_is_refused(tmp_path: Path) -> None:
    """Nobody knows what such a row was."""
    path = tmp_path / "r"
    path.write_bytes(text(OPEN) + b"{\n" + text(recv(2, "a")))
    with pytest.raises(ConfigError, match="reading recording"):
        read_rows(path)


def test_rows_of_hosts_that_nobody_knows_are_counted(tmp_path: Path) -> None:
    """The others are replayed."""
    path = tmp_path / "r"
    stranger = {"t": 3, "conn": "h", "ev": "rest", "url": "https://example.com/x", "data": "{}"}
    path.write_bytes(text(OPEN, recv(2, "a"), stranger, recv(4, "b", "unopened")))
    rows = read_rows(path)
    assert [row.data for _, row in rows.found if row.ev == "recv"] == [b"a"]
    assert rows.left_out == {"host example.com": 1, "connection unopened without an `open` row": 1}


def test_a_file_cut_at_the_front_is_told_by_its_frames(tmp_path: Path) -> None:
    """The rows that say where its connections went are gone."""
    path = tmp_path / "r"
    frame = '{"feed":"ticker_lite","product_id":"PF_AUSD"}'
    path.write_bytes(text(recv(2, '{"event":"info","version":1}'), recv(3, frame)))
    assert {(venue.exchange, venue.markets) for venue, _ in read_rows(path).found} == {("kraken", ("futures",))}
    assert heard(path)[1] == frame.encode()


def test_what_was_recorded_of_the_simulator_is_of_its_venue(tmp_path: Path) -> None:
    """Its paths begin with the venue's name."""
    path = tmp_path / "r"
    url = "ws://127.0.0.1:4711/bybit/v5/public/linear"
    rest = {"t": 3, "conn": "h", "ev": "rest", "url": "http://127.0.0.1:1/binance/usdm/fapi/v1/exchangeInfo?a=b"}
    path.write_bytes(text({**OPEN, "url": url}, recv(2, "a"), rest))
    found = [(venue.exchange, row.url) for venue, row in read_rows(path).found]
    assert found[1] == ("bybit", "ws://127.0.0.1:4711/v5/public/linear")
    assert found[2] == ("binance", "http://127.0.0.1:1/fapi/v1/exchangeInfo?a=b")
    path.write_bytes(text({**OPEN, "url": "ws://127.0.0.1:1/elsewhere"}))
    with pytest.raises(ConfigError, match="no venue known here"):
        read_rows(path)
