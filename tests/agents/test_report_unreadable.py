"""Dead letters: bytes, reason, position; the next frame is processed and nothing is rounded."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from agents.report_unreadable import PAYLOAD_MAX_BYTES
from tests.doubles.raw_frames import Log, core, quote, rows, trade

NESTED = b"[" * 50_000 + b"]" * 50_000
CELLS = ["NaN", "1e50000000", "-1", "-0", "9" * 39, "0." + "1" * 19, "", " 1", "1_000", "\u0661", "Infinity", "0x1"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"u":1,"b":"\xff"}',
        b'{"u":1,"b":',
        b"",
        b'{"u":1,"b":"1","a":"1"}, {"u":2,"b":"1","a":"1"}',
        NESTED,
        b'{"u":1,"b":"1","a":' + NESTED + b"}",
        {"u": 1, "b": "1"},
        {"u": "1", "b": "1", "a": "1"},
        {"u": 1, "b": 1.5, "a": "1"},
        {"u": 1, "b": None, "a": "1"},
        [],
        None,
    ],
    ids=range(12),
)
def test_a_frame_that_cannot_be_decoded_is_kept_whole(body: Any) -> None:
    """Invalid UTF-8, broken JSON, missing field, wrong type, deep nesting: stage frame, the bytes, the place."""
    log = Log()
    log.add(*(log.frame("quotes", one) for one in (quote(1), body, quote(2))))
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "update_id", "row_index") == [(1, 0), (2, 1)]
    (letter,) = rows(outputs, "md.dead_letters")
    assert (letter["stage"], letter["frame_kind"], letter["raw_offset"], letter["conn"]) == ("frame", "quotes", 0, "a")
    assert letter["error"]
    if isinstance(body, bytes):
        assert base64.b64decode(letter["payload_b64"]) == body
    assert outputs.dead == {("invented", "frame"): 1}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_does_not_fit_takes_its_frame_with_it(cell: str) -> None:
    """None of the frame's rows leave; the letter names column, value and bytes; neighbours are untouched."""
    log = Log()
    log.put("trades", trade(1))
    body = {"trades": [{"i": 2, "p": "1.5", "q": "2"}, {"i": 3, "p": cell, "q": "2"}]}
    log.put("trades", body)
    log.put("trades", trade(4))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id") == ["1", "4"]
    (letter,) = rows(outputs, "md.dead_letters")
    assert (letter["stage"], letter["column"], letter["raw_offset"]) == ("cell", "price", 1)
    assert b'"i":3' in base64.b64decode(letter["payload_b64"])
    assert rows(outputs, "md.gaps", "from_id", "to_id", "revision") == [(2, 3, 0), (2, 3, 1)]


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30])
def test_an_id_beyond_64_bits_is_a_dead_letter(number: int) -> None:
    """An id is never cut or turned into a float."""
    log = Log()
    log.put("trades", trade(number))
    log.put("quotes", quote(number))
    log.put("trades", trade(1))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id") == ["1"]
    assert not rows(outputs, "md.quotes")
    assert len(rows(outputs, "md.dead_letters")) == 2


def test_a_parser_that_refuses_a_frame_spoils_no_other() -> None:
    """A message that decodes and cannot become rows is dead alone."""
    log = Log()
    log.put("book", {"U": 1, "u": 1, "b": [["1", "1"]]})
    log.put("book", {"U": 9, "u": 2, "b": [["1", "1"]]})
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "kind") == ["book_deltas", "gap"]
    assert "first id is after" in rows(outputs, "md.dead_letters", "message")[0]


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\xfe", b'{"v":9,"frames":[]}', NESTED, b'{"v":1}'], ids=range(6))
def test_a_record_that_cannot_be_decoded_is_kept_whole(value: bytes) -> None:
    """Stage envelope, under the symbol of its key, with the time the symbol was last heard."""
    log = Log()
    log.put("quotes", quote(1))
    log.records.append((1, b"invented.m.AB", value))
    log.put("quotes", quote(2))
    outputs = core().process(log.records)
    (letter,) = rows(outputs, "md.dead_letters")
    assert (letter["stage"], letter["native_symbol"], letter["raw_offset"]) == ("envelope", "AB", 1)
    assert (letter["received_ns"], letter["frame_no"]) == (1_001_000_000, -1)
    assert base64.b64decode(letter["payload_b64"]) == value
    assert rows(outputs, "md.quotes", "update_id") == [1, 2]


@pytest.mark.parametrize(
    ("field", "value"), [("t", 2**63), ("t", -1), ("n", 2**60), ("n", -1), ("p", 2**20), ("n", "1")]
)
def test_an_envelope_with_impossible_numbers_is_unreadable(field: str, value: object) -> None:
    """Times, numbers and parts beyond their bounds are no frames of ours."""
    log = Log()
    offset = log.put("quotes", quote(1))
    good = log.records[offset][2]
    old = {"t": b'"t":1001000000', "n": b'"n":0', "p": b'"k":'}[field]
    new = b'"%b":%b' % (field.encode(), (f'"{value}"' if isinstance(value, str) else str(value)).encode())
    log.records[offset] = (offset, b"invented.m.AB", good.replace(old, new + (b"," + old if field == "p" else b"")))
    assert rows(core().process(log.records), "md.dead_letters", "stage") == ["envelope"]


def test_a_huge_payload_is_cut_and_says_so() -> None:
    """A letter stays within the size of a record; the raw log has the rest."""
    log = Log()
    log.put("quotes", b"x" * (PAYLOAD_MAX_BYTES + 1))
    (letter,) = rows(core().process(log.records), "md.dead_letters")
    assert len(base64.b64decode(letter["payload_b64"])) == PAYLOAD_MAX_BYTES
    assert str(PAYLOAD_MAX_BYTES + 1) in letter["message"]


def test_frames_of_unknown_kinds_are_reported() -> None:
    """Nothing is skipped silently: unknown kinds, and frames nobody could route, are letters of stage route."""
    log = Log()
    log.put("nonsense", {})
    log.put("control", {"ok": 1}, symbol="_conn")
    log.put("control", {"bye": 1}, symbol="_conn")
    log.put("control", {"hello": 1}, symbol="_conn")
    log.put("control", {"what": 1}, symbol="_conn")
    log.put("control", b"\xff", symbol="_conn")
    outputs = core().process(log.records)
    assert rows(outputs, "md.dead_letters", "stage", "native_symbol", "raw_offset") == [
        ("route", "AB", 0),
        ("route", "_conn", 4),
        ("route", "_conn", 5),
    ]
    assert outputs.dead == {("invented", "route"): 3}
