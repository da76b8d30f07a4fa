"""Positions as table properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoflow.errors import IdentityError
from sinks._batch import Position, Span
from sinks._sink import TopicIdentity
from sinks.iceberg.positions import commit_key, from_properties, position_key, to_properties

TOPIC = "prod.md.trades"
IDENTITY = TopicIdentity("cluster", "id", (0, 2))


@given(
    st.dictionaries(
        st.sampled_from([0, 2]),
        st.tuples(
            st.integers(0, 2**62),
            st.dictionaries(
                st.tuples(st.text("abc.|-", min_size=1, max_size=9), st.integers(0, 9)), st.integers(-1, 2**62)
            ),
        ),
    )
)
def test_what_is_stored_is_read_back(places: dict[int, tuple[int, dict[tuple[str, int], int]]]) -> None:
    """Next offset and marks survive; a partition without property has no position."""
    spans = {partition: Span(None, end, marks) for partition, (end, marks) in places.items()}
    properties = to_properties(TOPIC, IDENTITY, spans)
    found = from_properties("trades", properties, TOPIC, IDENTITY)
    assert found == {p: Position(*places[p]) if p in places else Position() for p in (0, 2)}


def test_the_property_is_readable() -> None:
    """The stored form is what the documentation says."""
    properties = to_properties(TOPIC, IDENTITY, {2: Span(5, 9, {("prod.raw.binance", 2): 41})})
    assert {key: json.loads(text) for key, text in properties.items()} == {
        "cryptoflow.position.prod.md.trades.2": {
            "next": 9,
            "marks": {"prod.raw.binance|2": 41},
            "cluster": "cluster",
            "topic_id": "id",
        }
    }
    assert commit_key(3) == "cryptoflow.commit.3"


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({position_key("other.md.trades", 0): "{}"}, "belong to topic other.md.trades"),
        ({position_key(TOPIC, 0): "{}"}, "missing required field"),
        ({position_key(TOPIC, 0): "not json"}, "reading position"),
        (
            {position_key(TOPIC, 0): '{"next":1,"marks":{"x":1},"cluster":"cluster","topic_id":"id"}'},
            "reading position",
        ),
        ({position_key(TOPIC, 0): '{"next":1,"marks":{},"cluster":"old","topic_id":"id"}'}, "cluster was old"),
        ({position_key(TOPIC, 0): '{"next":1,"marks":{},"cluster":"cluster","topic_id":"old"}'}, "topic id was old"),
    ],
)
def test_positions_that_are_not_ours_stop(properties: dict[str, str], text: str) -> None:
    """Another topic, cluster or incarnation, or an unreadable position: an error, never a guess."""
    with pytest.raises(IdentityError, match=text):
        from_properties("trades", properties, TOPIC, IDENTITY)
