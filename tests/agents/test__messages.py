"""Frames that producers make themselves."""

from __future__ import annotations

import json

import pytest

from agents._messages import read_message
from schemas import Alive, GapEvidence, InstrumentDefinition, Switch
from tests.doubles.invented_venue import MARKET


def read(kind: str, body: object) -> tuple[object, object]:
    """Read a frame's JSON."""
    return read_message(kind, json.dumps(body).encode(), MARKET)


def test_frames_of_our_own_decode() -> None:
    """Gap, alive, switch and instrument frames have their types."""
    evidence = GapEvidence("drop", ("book",), 5)
    assert read("gap", {"cause": "drop", "streams": ["book"], "from_ns": 5}) == (evidence, None)
    assert read("alive", {"streams": [], "silence_limit_ns": 1}) == (Alive((), 1), None)
    assert read("switch", {"conn": "c", "streams": ["book"]}) == (Switch("c", ("book",)), None)
    definition, dead = read("instrument", {"native": "AB", "base": "A", "quote": "B"})
    assert isinstance(definition, InstrumentDefinition)
    assert dead is None


@pytest.mark.parametrize(
    "body",
    [
        {"cause": "x", "streams": [], "from_ns": 5},
        {"cause": "x", "streams": ["nothing"], "from_ns": 5},
        {"cause": "x", "streams": ["book"], "from_ns": -1},
        {"cause": "x", "streams": ["book"], "from_ns": 2**64},
        {"cause": "x", "streams": ["book"], "from_ns": 1, "frames_missing": 2**63},
        {"streams": ["book"], "from_ns": 1},
        [],
    ],
)
def test_evidence_that_says_nothing_usable_is_dead(body: object) -> None:
    """Unknown streams and impossible bounds are reported, not guessed at."""
    message, dead = read("gap", body)
    assert message is None
    assert dead is not None
