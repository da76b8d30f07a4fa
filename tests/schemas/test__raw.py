"""The raw envelope keeps every byte of every frame."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import FrameEncoder, Origin, RawRecord, decode_raw, encode_frame, encode_raw, join_raw, raw_head

FRAME = b'{"stream":"abcusdt@aggTrade",  "data":{"p":"1.50","odd":"\\u00e9 \xc3\xa9"}}'


def record_of(*frames: bytes, origin: Origin | None = None) -> RawRecord:
    """Encode frames into one record and decode it again."""
    return decode_raw(encode_raw("binance", "usdm", "ABCUSDT", "test", frames, origin))


def test_a_frame_travels_byte_for_byte() -> None:
    """Spacing, escapes and digits of a frame are untouched (P1)."""
    (frame,) = record_of(encode_frame("conn-1", 7, 123456789, "trades", FRAME)).frames
    assert frame.payload() == FRAME
    assert (frame.c, frame.n, frame.t, frame.k, frame.p, frame.m) == ("conn-1", 7, 123456789, "trades", 0, None)


@given(st.binary(max_size=200))
def test_any_bytes_survive_as_base64(payload: bytes) -> None:
    """What is not valid JSON travels aside and cannot spoil its envelope."""
    (frame,) = record_of(encode_frame("c", 1, 2, "control", payload, valid_json=False)).frames
    assert frame.payload() == payload


@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5), max_size=5)
)
def test_any_json_survives_in_order(payloads: list[object]) -> None:
    """Frames of one record come out in the order they went in, each the same bytes."""
    texts = [json.dumps(payload).encode() for payload in payloads]
    record = record_of(*(encode_frame("c", number, 2, "book", text) for number, text in enumerate(texts)))
    assert [frame.payload() for frame in record.frames] == texts
    assert [frame.n for frame in record.frames] == [*range(len(texts))]


def test_the_envelope_is_plain_json() -> None:
    """Any Kafka tool reads it: one object with the documented keys."""
    value = encode_raw("binance", "usdm", "ABCUSDT", "live", [encode_frame("c", 1, 2, "trades", b'{"a":1}')])
    assert json.loads(value) == {
        "v": 1,
        "exchange": "binance",
        "market": "usdm",
        "symbol": "ABCUSDT",
        "source": "live",
        "frames": [{"c": "c", "n": 1, "t": 2, "k": "trades", "raw": {"a": 1}}],
    }


def test_what_is_spelled_once_is_spelled_the_same() -> None:
    """A connection's encoder and a symbol's head give the bytes of the plain functions."""
    encoder = FrameEncoder("conn-1")
    frames = [encoder.encode(number, 5, kind, FRAME) for number, kind in enumerate(["trades", "book", "trades"])]
    assert frames == [encode_frame("conn-1", n, 5, kind, FRAME) for n, kind in enumerate(["trades", "book", "trades"])]
    head = raw_head("binance", "usdm", "ABCUSDT", "test")
    assert join_raw(head, frames) == encode_raw("binance", "usdm", "ABCUSDT", "test", frames)


def test_part_and_meta_are_kept() -> None:
    """A slice of a frame keeps its part; a REST snapshot keeps when and why it was asked for."""
    meta: dict[str, str | int] = {"requested_ns": 5, "reason": 'say "why"'}
    (frame,) = record_of(encode_frame("c", 1, 2, "book_snapshot", b"{}", part=3, meta=meta)).frames
    assert (frame.p, frame.m) == (3, meta)


def test_a_replay_says_where_it_was_first_written() -> None:
    """`origin` keeps the identity of the first run."""
    origin = Origin("raw.binance", 4, 99)
    assert record_of(origin=origin).origin == origin
    assert record_of().origin is None


def test_an_exchange_name_is_escaped() -> None:
    """Names that come from a venue cannot break the envelope."""
    value = encode_raw("x", "m", 'A"B\\C', "test", [])
    assert decode_raw(value).symbol == 'A"B\\C'


def test_another_version_is_refused() -> None:
    """A reader never guesses at an envelope it does not know."""
    value = encode_raw("x", "m", "s", "test", []).replace(b'"v":1', b'"v":2')
    with pytest.raises(ValueError, match="version 2 is not 1"):
        decode_raw(value)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"v":1}', b"\xff", b'{"v":1,"frames":3}'])
def test_broken_envelopes_raise_only_what_is_documented(value: bytes) -> None:
    """ValueError, of which msgspec's DecodeError is one, and nothing else."""
    with pytest.raises((ValueError, msgspec.DecodeError)):
        decode_raw(value)


def test_base64_that_is_none_is_refused() -> None:
    """A damaged `raw_b64` does not turn into other bytes."""
    good = encode_frame("c", 1, 2, "control", b"\x00\x01\x02", valid_json=False)
    (frame,) = record_of(good.replace(base64.b64encode(b"\x00\x01\x02"), b"A*==")).frames
    with pytest.raises(ValueError, match="base64"):
        frame.payload()
