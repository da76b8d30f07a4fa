"""Answers of trades by id are cut into entries."""

from __future__ import annotations

import pytest

from exchanges.binance._fill import entries


def test_entries_rise_and_keep_their_bytes() -> None:
    """Whatever the order of the answer, ids rise; each entry is as it came."""
    assert entries(b'[{"a":5, "p":"1.10"},{"p":"2","a":4}]', "a") == [
        (4, b'{"p":"2","a":4}'),
        (5, b'{"a":5, "p":"1.10"}'),
    ]
    assert entries(b"[]", "id") == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'[{"p":"1"}]', b'[{"id":-1}]', b'[{"id":"1"}]', b'{"code":-1121,"msg":"x"}']
)
def test_what_is_no_list_of_trades_is_refused(body: bytes) -> None:
    """An error of the venue, or an entry without an id, is never an empty answer."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's
        entries(body, "id")
