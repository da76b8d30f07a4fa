"""The values venues and engine hand each other."""

from __future__ import annotations

from cryptoflow.simulator.venues._values import Channel, Fill, Mark


def test_single_trades_add_up() -> None:
    """A fill's parts have its ids and sizes that sum to its own."""
    parts = Fill(10, 12, 100, 7, taker_sells=True, at_ms=1).parts()
    assert [number for number, _ in parts] == [10, 11, 12]
    assert sum(size for _, size in parts) == 7
    assert min(size for _, size in parts) == 1


def test_rates_are_plain_decimals() -> None:
    """Negative rates keep their sign and all eight digits."""
    assert Mark(1, 1, 1, -1200, 0, 0, 0).rate == b"-0.00001200"
    assert Mark(1, 1, 1, 30000, 0, 0, 0).rate == b"0.00030000"


def test_a_book_stream_is_known_by_its_kinds() -> None:
    """One that also carries a book counts."""
    assert Channel("a.b c", ("quotes", "book"), "X").is_book
    assert not Channel("a.b c", ("quotes",), "X").is_book
