"""Frames are routed, and only sound JSON travels as JSON."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges import Routed, RouteError
from producers._router import UNROUTED_FRAME, is_json, routed_or_unrouted
from schemas import decode_raw, encode_frame, encode_raw

BROKEN = [
    b"", b" ", b'{"a":1', b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":"\xc3("}', b"[1,]", b'{"a":1}x', b'"\\ud800"',
    b"[" * 100_000 + b"]" * 100_000, b'{"a":1}}],"x":[{', b'1,"n":2',
]  # fmt: skip


@pytest.mark.parametrize("raw", BROKEN, ids=range(len(BROKEN)))
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    """Broken frames, bad UTF-8 and endless nesting are not JSON to us."""
    assert not is_json(raw)


def test_sound_frames_are_accepted() -> None:
    """Whitespace, non-ASCII text and moderate nesting are fine."""
    assert is_json(b' {"a":[1,"x"]} ')
    assert is_json('{"s":"币安"}'.encode())
    assert is_json(b"[" * 100 + b"]" * 100)


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: msgspec.json.encode({"a": text})))
def test_no_frame_can_spoil_its_envelope(raw: bytes) -> None:
    """Any bytes travel between two others and come back as they were, and leave the others alone."""
    one, two = b'{"n":1}', b'{"n":2}'
    frames = [
        encode_frame("c", number, 0, "trades", body, valid_json=is_json(body))
        for number, body in enumerate((one, raw, two))
    ]
    record = decode_raw(encode_raw("binance", "usdm", "AAAUSDT", "test", frames))
    assert [frame.n for frame in record.frames] == [0, 1, 2]
    assert record.frames[1].payload().strip() == raw.strip()
    assert record.frames[2].payload() == two


@pytest.mark.parametrize("error", [RouteError("no"), RecursionError(), UnicodeDecodeError("utf-8", b"x", 0, 1, "no")])
def test_a_frame_that_cannot_be_routed_is_unrouted(error: Exception) -> None:
    """Whatever routing raises about the bytes, the frame goes to the connection's lane."""

    def route(raw: bytes) -> Routed:
        del raw
        raise error

    assert routed_or_unrouted(route, b"x") is UNROUTED_FRAME
