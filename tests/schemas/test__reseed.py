"""Requests of agents to producers."""

from __future__ import annotations

import json

import pytest

from schemas._reseed import ReseedRequest, decode_reseed, encode_reseed

BOOK = ReseedRequest("kraken", "spot", "A/B", 5, raw_topic="raw.kraken", raw_partition=2, raw_offset=9)
TRADES = ReseedRequest("kraken", "spot", "A/B", 5, "trades", 11, 14, "raw.kraken", 2, 9)


def test_a_request_for_a_book_names_no_kind() -> None:
    """Its JSON is what it was before trades could be asked for."""
    assert json.loads(encode_reseed(BOOK)) == {
        "exchange": "kraken",
        "market": "spot",
        "symbol": "A/B",
        "broken_at_ns": 5,
        "raw_topic": "raw.kraken",
        "raw_partition": 2,
        "raw_offset": 9,
    }


def test_a_request_for_trades_names_its_ids() -> None:
    """Both ends are included."""
    assert json.loads(encode_reseed(TRADES)).items() >= {"kind": "trades", "from_id": 11, "to_id": 14}.items()


@pytest.mark.parametrize("request_", [BOOK, TRADES], ids=["book", "trades"])
def test_a_request_is_read_as_it_was_written(request_: ReseedRequest) -> None:
    """Nothing is lost, and what is not known is ignored."""
    assert decode_reseed(encode_reseed(request_)) == request_
    assert decode_reseed(b'{"later":1,' + encode_reseed(request_)[1:]) == request_


@pytest.mark.parametrize(
    "changes",
    [{"kind": "trades"}, {"kind": "trades", "from_id": 3}, {"kind": "quotes"}, {"from_id": -1}, {"to_id": "7"}],
)
def test_what_is_no_request_is_refused(changes: dict[str, object]) -> None:
    """Trades without ids, kinds nobody serves and ids that are none."""
    plain = json.loads(encode_reseed(BOOK))
    with pytest.raises(ValueError, match=r"[Ii]nvalid|[Ee]xpected|names no ids"):
        decode_reseed(json.dumps(plain | changes).encode())
