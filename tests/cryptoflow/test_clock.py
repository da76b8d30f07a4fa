"""Time is integer nanoseconds, UTC."""

from __future__ import annotations

from cryptoflow import clock


def test_now_is_an_integer_of_nanoseconds() -> None:
    """The wall clock is an int in this century, never a float."""
    now = clock.now_ns()
    assert type(now) is int
    assert 1_700_000_000 * 10**9 < now < 4_102_444_800 * 10**9


def test_monotonic_never_goes_back() -> None:
    """Deadlines are measured on a clock that only goes forward."""
    readings = [clock.monotonic_s() for _ in range(100)]
    assert readings == sorted(readings)


def test_work_is_cpu_time() -> None:
    """It goes forward with what this thread does."""
    before_s = clock.worked_s()
    while clock.worked_s() - before_s < 0.001:
        pass
    assert clock.worked_s() > before_s


def test_iso_is_exact_where_floats_are_not() -> None:
    """Microseconds come from integer arithmetic, also where a float of seconds would round."""
    assert clock.iso(1_700_000_000_123_456_999) == "2023-11-14T22:13:20.123456+00:00"
    assert clock.iso(1_700_000_000_000_000_000) == "2023-11-14T22:13:20+00:00"
    assert clock.iso(4_102_444_799_999_999_999) == "2099-12-31T23:59:59.999999+00:00"


def test_an_iso_time_is_read_exactly() -> None:
    """Dates begin at midnight, times without a zone are UTC; other zones are turned into it."""
    assert clock.from_iso("2022-05-13") == 1_652_400_000_000_000_000
    assert clock.from_iso("2022-05-13T00:00:00.000001") == 1_652_400_000_000_001_000
    assert clock.from_iso("2022-05-13T02:00:00+02:00") == clock.from_iso("2022-05-13T00:00:00Z")
    for ns in (0, 1_700_000_000_123_456_000, 4_102_444_799_999_999_000):
        assert clock.from_iso(clock.iso(ns)) == ns
