"""Envelopes keep order, fill under load and leave soon at low rates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producers._envelope import NS_PER_MS, Envelopes, Lane
from schemas import decode_raw, encode_frame
from tests.doubles.sealed import sealed

A = Lane("binance", "usdm", "AAAUSDT", "test")
B = Lane("binance", "usdm", "BBBUSDT", "test")


def frame(number: int, size: int = 10) -> bytes:
    """Encode an invented frame."""
    return encode_frame("c", number, number, "trades", b'"' + b"x" * size + b'"')


def test_the_key_names_exchange_market_and_symbol() -> None:
    """A lane's Kafka key is the contract's."""
    assert A.key == b"binance.usdm.AAAUSDT"


def test_an_envelope_decodes_to_its_frames() -> None:
    """The record holds the frames in order, verbatim."""
    envelope = sealed(A, [("trades", frame(number), number) for number in (1, 2, 3)])
    record = decode_raw(envelope.encode())
    assert (record.symbol, record.source, [one.n for one in record.frames]) == ("AAAUSDT", "test", [1, 2, 3])
    assert envelope.counts() == {A.count_key("trades"): 3}


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 400)), max_size=60))
def test_order_within_a_symbol_is_the_order_received(steps: list[tuple[Lane, int]]) -> None:
    """Whatever the sizes, each lane's frames leave in the order they came, within both limits."""
    envelopes = Envelopes(frames_max=5, bytes_max=600, linger_min_ms=4, linger_max_ms=40)
    sealed = []
    for number, (lane, size) in enumerate(steps):
        full = envelopes.add(lane, "trades", frame(number, size), number)
        sealed += [full] if full else []
    sealed += envelopes.all()
    for lane in (A, B):
        got = [one.n for e in sealed if e.lane is lane for one in decode_raw(e.encode()).frames]
        assert got == [number for number, (other, _) in enumerate(steps) if other is lane]
    assert all(len(e.frames) <= 5 and (e.size <= 600 or len(e.frames) == 1) for e in sealed)


def test_an_envelope_waits_for_the_linger_and_no_longer() -> None:
    """Nothing is due before the wait is over; then the oldest goes first."""
    envelopes = Envelopes(100, 10_000, linger_min_ms=4, linger_max_ms=40)
    envelopes.add(A, "trades", frame(1), 0)
    envelopes.add(B, "trades", frame(2), 2 * NS_PER_MS)
    assert list(envelopes.due(3 * NS_PER_MS)) == []
    assert [e.lane for e in envelopes.due(5 * NS_PER_MS)] == [A]
    assert envelopes.frames() == 1
    assert [e.lane for e in envelopes.due(7 * NS_PER_MS)] == [B]


def test_a_clock_that_went_back_does_not_hold_frames() -> None:
    """An envelope opened in what is now the future is sent at once."""
    envelopes = Envelopes(100, 10_000, linger_min_ms=4, linger_max_ms=40)
    envelopes.add(A, "trades", frame(1), 10**18)
    assert len(list(envelopes.due(5))) == 1


def test_the_wait_follows_the_load_within_its_bounds() -> None:
    """Many records a second lengthen the wait up to its bound; few shorten it to the least."""
    envelopes = Envelopes(100, 10_000, linger_min_ms=4, linger_max_ms=40)
    for _ in range(50):
        envelopes.adapt(9000, 3000)
    assert envelopes.linger_ns == 40 * NS_PER_MS
    for _ in range(50):
        envelopes.adapt(100, 3000)
    assert envelopes.linger_ns == 4 * NS_PER_MS
