"""Garbage is garbage, and its symbol is hidden only where it should be."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from cryptoflow.simulator._garbage import VARIANTS, spoil
from cryptoflow.simulator.venues.binance_usdm import VENUE
from tests.doubles.usdm_market import usdm_market

ALL = ("aggTrade", "trade", "bookTicker", "depth@100ms", "markPrice@1s", "forceOrder")


def _spoil(payload, variant):
    return spoil(payload, variant, VENUE.number_pattern, VENUE.field_pattern)[0]


def _frames():
    market, frames = usdm_market("SYM0001USDT", 1, ALL), []
    market.close(1_790_000_000_000, frames)
    return dict(frames)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_frame_is_spoilt(variant):
    """No variant leaves a frame of any kind as it was, and equal frames alone give equal garbage."""
    frames = _frames()
    spoilt = {stream: _spoil(payload, variant) for stream, payload in frames.items()}
    assert len(set(spoilt.values())) == len(ALL)
    assert all(spoilt[stream] != payload for stream, payload in frames.items())


@pytest.mark.parametrize("variant", ["broken_json", "not_utf8_text", "not_utf8_binary", "deep_nesting"])
def test_unreadable(variant):
    """These are not JSON at all."""
    for payload in _frames().values():
        with pytest.raises((ValueError, RecursionError)):
            json.loads(_spoil(payload, variant))


def test_bad_values():
    """These are JSON with one value that must not become a row."""
    for payload in _frames().values():
        assert b'"1e50000000"' in _spoil(payload, "huge_number")
        assert b'"-7"' in _spoil(payload, "negative")
        whole, broken = json.loads(payload)["data"], json.loads(_spoil(payload, "missing_field"))["data"]
        assert whole.keys() - broken.keys() or whole["o"].keys() - broken["o"].keys()
    assert Decimal("1e50000000") > 10**38
