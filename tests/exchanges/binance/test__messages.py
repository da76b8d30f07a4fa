"""Wire types that both markets share."""

from __future__ import annotations

import msgspec
import pytest

from exchanges.binance._messages import Filter, Level, exchange_info, steps


def test_the_documented_filter_decodes_and_gives_steps() -> None:
    """Price and size steps come from their own filters, whatever stands between."""
    filters = [
        Filter("MARKET_LOT_SIZE", step_size="9"),
        Filter("PRICE_FILTER", tick_size="0.10"),
        Filter("LOT_SIZE", step_size="0.001"),
    ]
    assert steps(filters) == ("0.10", "0.001")
    assert steps([]) == (None, None)


@pytest.mark.parametrize("level", [b'["1"]', b'["1","2","3"]', b'[1,"2"]', b'{"price":"1","size":"2"}', b"null"])
def test_a_level_is_two_texts(level: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(level, type=Level)


def test_entries_of_exchange_info_stay_bytes() -> None:
    """Each symbol keeps its own JSON."""
    assert [bytes(raw) for raw in exchange_info.decode(b'{"symbols":[{"a":1.0}, {"b" :2}]}').symbols] == [
        b'{"a":1.0}',
        b'{"b" :2}',
    ]
