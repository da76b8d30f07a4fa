"""What every session keeps without writing it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.simulator.venues._values import Action, Limits
from cryptoflow.simulator.venues._venue import Session
from cryptoflow.simulator.venues.binance_usdm import VENUE


class Quiet(Session):
    """Answer nothing."""

    def on_text(self, message: str | bytes) -> Sequence[Action]:
        """Pass it over."""
        del message
        return ()


def _session(held: tuple[str, ...] = (), **limits: int) -> Session:
    desk: Any = SimpleNamespace(limits=Limits(**limits), streams=lambda: held)  # type: ignore[arg-type] # test values
    return Quiet(VENUE, desk)


@pytest.mark.parametrize(
    ("limits", "keys", "broken"),
    [
        ({"streams_max": 2}, ("a b", "a c"), "streams_max"),
        ({"streams_max": 2}, ("a x", "a b"), ""),
        ({"args_per_request_max": 1}, ("a b", "a c"), "args_per_request_max"),
        ({"names_max_chars": 3}, ("a bb", "a c"), "names_max_chars"),
        ({"names_max_chars": 4}, ("a bb", "a c"), ""),
    ],
)
def test_limits_of_a_request(limits: dict[str, int], keys: tuple[str, ...], broken: str) -> None:
    """What is held already counts once; the name of the limit is told."""
    assert _session(("a x",), **limits).overstep(keys) == broken


def test_requests_of_an_hour_are_counted_both_ways() -> None:
    """Giving streams up counts like asking for them."""
    session = _session(requests_per_hour_max=2)
    assert session.overstep(("a b",)) == ""
    assert session.overstep(("a b",), is_subscribe=False) == ""
    assert session.overstep(("a b",), is_subscribe=False) == "requests_per_hour_max"


def test_a_plain_session_says_nothing() -> None:
    """No greeting, no heartbeat, no notice; data as it is."""
    session = _session()
    assert not [*session.on_open(), *session.on_tick(0.0), *session.on_notice()]
    assert session.dress(b"x", is_data=True) == b"x"
