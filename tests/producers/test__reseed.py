"""Requests for snapshots are read from the control topic; anything else there is ignored."""

from __future__ import annotations

import pytest

from producers._reseed import ReseedRequest, read_request

NO_IDS = b'{"exchange":"binance","market":"usdm","symbol":"AAAUSDT","broken_at_ns":17,"kind":"trades"}'


def test_a_request_is_read() -> None:
    """A request without a kind is one for a book; fields that are not known are ignored."""
    value = (
        b'{"exchange":"binance","market":"usdm","symbol":"AAAUSDT","broken_at_ns":17,'
        b'"raw_topic":"raw.binance","else":1,"raw_partition":3,"raw_offset":9}'
    )
    made = ReseedRequest("binance", "usdm", "AAAUSDT", 17, raw_topic="raw.binance", raw_partition=3, raw_offset=9)
    assert read_request(value) == made


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[" * 50_000, b'{"exchange":1}', NO_IDS])
def test_what_is_no_request_is_none(value: bytes | None) -> None:
    """A foreign record does not end the producer."""
    assert read_request(value) is None
