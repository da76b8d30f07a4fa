"""A recorded session can be read back byte for byte, whatever ended it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from cryptoflow.errors import ConfigError
from producers._recording import Recording


def rows(path: Path) -> list[dict[str, object]]:
    """Read a recording."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_event_is_a_row_in_order(tmp_path: Path) -> None:
    """Payloads are texts exactly as on the wire, with times in ns and the connection's name."""
    path = tmp_path / "session.jsonl.gz"
    with Recording(path) as recording:
        conn = recording.opened("wss://venue.example/ws", "wss://venue.example/ws")
        recording.sent(conn, b'{"op": "subscribe"}')
        recording.received(conn, '{"p":"1.50","s":"\u5e01"}'.encode(), 17)
        recording.received(conn, b"\xff\xfe", 18)
        recording.answered("https://venue.example/info?x=1", b'{"ok":1.0}')
    found = rows(path)
    assert [row["ev"] for row in found] == ["open", "send", "recv", "recv", "rest"]
    assert found[1]["data"] == '{"op": "subscribe"}'
    assert (found[2]["t"], found[2]["data"]) == (17, '{"p":"1.50","s":"\u5e01"}')
    assert base64.b64decode(str(found[3]["data_b64"])) == b"\xff\xfe"
    assert (found[4]["url"], found[4]["data"]) == ("https://venue.example/info?x=1", '{"ok":1.0}')
    assert [row["conn"] for row in found[-2:]] == ["venue.example.ws.1", "venue.example.rest"]
    assert recording.counts == {"open": 1, "send": 1, "recv": 2, "rest": 1}


def test_connections_have_names_of_their_own_and_a_stand_in_is_told(tmp_path: Path) -> None:
    """URLs are the venue's, so that a replay knows it; what was reached in its place stands beside."""
    path = tmp_path / "session.jsonl.gz"
    url, other = "wss://venue.example/ws", "ws://127.0.0.1:5/venue/ws"
    with Recording(path) as recording:
        names = [
            recording.opened(url, url),
            recording.opened(url, other),
            recording.opened("wss://b.example/ws", other),
        ]
    assert names == ["venue.example.ws.1", "venue.example.ws.2", "b.example.ws.1"]
    assert [(row["url"], row.get("via")) for row in rows(path)][:2] == [(url, None), (url, other)]


def test_a_session_that_fails_leaves_a_readable_file(tmp_path: Path) -> None:
    """Rows written before an error are kept."""
    path = tmp_path / "session.jsonl.gz"

    def session() -> None:
        with Recording(path) as recording:
            recording.received("a", b"1", 1)
            raise ValueError("venue")

    with pytest.raises(ValueError, match="venue"):
        session()
    assert [row["data"] for row in rows(path)] == ["1"]


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    """Neither that nor a wrong name is accepted, each with a line that says what to do."""
    path = tmp_path / "session.jsonl.gz"
    path.write_bytes(b"kept")
    with pytest.raises(ConfigError, match="File exists"), Recording(path):
        pass
    assert path.read_bytes() == b"kept"
    with pytest.raises(ConfigError, match="not a recording's name"):
        Recording(tmp_path / "session.json")


def test_a_recording_can_be_discarded(tmp_path: Path) -> None:
    """Then its name is free again."""
    path = tmp_path / "session.jsonl.gz"
    with Recording(path) as recording:
        recording.discard()
    assert not path.exists()
