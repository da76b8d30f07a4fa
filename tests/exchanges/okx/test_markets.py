"""The three markets and the dialects they were read in before. PROTOCOLS 5, 5.5.7."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exchanges import parser
from exchanges.okx import EXCHANGE, SPOT, make_market
from exchanges.okx.checksum import BookChecksum
from exchanges.okx.sequence import LegacyBookRules

per_market = pytest.mark.parametrize("name", EXCHANGE.markets)


def ns(day: str) -> int:
    """Return the start of a day."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 10**9


@per_market
def test_the_date_tells_the_dialect(name: str) -> None:
    """Checksums count until 2026-06-23, whatever their value; before 2024 ids may be missing."""
    market = EXCHANGE.markets[name]
    assert market.at(ns("2026-06-23")) is market
    assert market.book_check is None
    summed = market.at(ns("2026-06-23") - 1)
    assert isinstance(summed.book_check, BookChecksum)
    assert not summed.scoped_kinds
    oldest = market.at(ns("2022-05-13"))
    assert isinstance(oldest.book_rules, LegacyBookRules)
    assert oldest.scoped_kinds == {"book", "book_snapshot"}
    assert isinstance(oldest.book_check, BookChecksum)
    assert oldest is not summed


@per_market
def test_what_is_no_book_is_read_alike_in_all_years(name: str) -> None:
    """Only books have parsers of their own."""
    for kind in EXCHANGE.markets[name].parsers:
        today, then = (parser(EXCHANGE, name, kind, ns(day)) for day in ("2026-11-01", "2022-05-13"))
        assert (today is then) is (kind not in {"book", "book_snapshot"})


def test_a_book_may_begin_over_rest() -> None:
    """For a host whose stream brings no snapshot; the request is there for the schedule either way."""
    assert SPOT.in_stream_snapshots
    assert SPOT.snapshot_request is not None
    rest = make_market("spot", in_stream_snapshots=False)
    assert not rest.in_stream_snapshots
    assert rest.at(ns("2022-05-13")).in_stream_snapshots
    with pytest.raises(KeyError):
        make_market("option")
