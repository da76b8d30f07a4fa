"""Policies thin what may be thinned and never touch order."""

from __future__ import annotations

import msgspec

from producers._envelope import Envelope, Lane
from producers._own import OwnFrames
from producers._policy import Policies, waits
from schemas import GapEvidence, decode_raw, encode_frame
from tests.doubles.sealed import sealed

LANE = Lane("binance", "usdm", "AAAUSDT", "test")


def envelope(*kinds: str) -> Envelope:
    """Make an envelope of frames numbered from 1."""
    numbered = enumerate(kinds, 1)
    return sealed(LANE, [(k, encode_frame("c", n, n * 10, k, b'{"n":%d}' % n), n * 10) for n, k in numbered])


def test_sample_keeps_one_of_n_of_its_kind_alone() -> None:
    """Every other kind stays whole and order holds."""
    one = envelope("quotes", "trades", "quotes", "quotes", "trades", "quotes")
    dropped = Policies({"quotes": "sample"}, 2).sample(one)
    assert [kind for kind, _ in dropped] == ["quotes", "quotes"]
    assert one.kinds == ["trades", "quotes", "trades", "quotes"]
    assert [msgspec.json.decode(frame)["n"] for frame in one.frames] == [2, 3, 5, 6]


def test_drop_oldest_takes_its_kind_out_and_leaves_a_gap_in_its_place() -> None:
    """The gap frame stands where the first frame stood and bounds them all; the others are untouched."""
    policies = Policies({"quotes": "drop_oldest"}, 2)
    thinned = policies.thin(envelope("trades", "quotes", "book", "quotes").encode(), OwnFrames())
    assert thinned is not None
    value, taken = thinned
    record = decode_raw(value)
    assert [frame.k for frame in record.frames] == ["trades", "gap", "book"]
    assert [frame.payload() for frame in record.frames if frame.k != "gap"] == [b'{"n":1}', b'{"n":3}']
    evidence = msgspec.json.decode(record.frames[1].payload(), type=GapEvidence)
    assert (evidence.streams, evidence.from_ns, evidence.to_ns, evidence.frames_missing) == (("quotes",), 20, 40, 2)
    assert taken == {"quotes": 2}


def test_nothing_to_take_changes_nothing() -> None:
    """Without frames of the kind the record stays as it is."""
    assert Policies({"quotes": "drop_oldest"}, 2).thin(envelope("trades").encode(), OwnFrames()) is None
    one = envelope("trades")
    assert Policies({"quotes": "sample"}, 2).sample(one) == []


def test_the_policies_say_what_they_need() -> None:
    """The reader learns whether a connection waits, the publisher whether the spool may be thinned."""
    named = {"book": "wait", "quotes": "drop_oldest", "trades": "spill"}
    assert waits(named, ["trades", "book"])
    assert not waits(named, ["trades", "quotes", "funding"])
    assert Policies(named, 2).drops_oldest
    assert not Policies({}, 2).drops_oldest
