"""Positions as table properties: one per (md topic, partition), set in the commit that adds the rows.

`cryptoflow.position.<topic>.<partition>` = {"next", "marks", "cluster", "topic_id"}. A further property
per replica names its last commit, so that a table rolled back by hand is recognised: a rollback moves
the snapshots and leaves properties where they were.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cryptoflow.errors import IdentityError
from sinks._batch import Position, Span
from sinks._sink import TopicIdentity

POSITION_PREFIX = "cryptoflow.position."
COMMIT_PREFIX = "cryptoflow.commit."


class _Stored(msgspec.Struct):
    next: int
    marks: dict[str, int]
    cluster: str
    topic_id: str


class LastCommit(msgspec.Struct, frozen=True):
    """Name the last commit of one replica."""

    batch: str
    snapshot: int
    sequence: int


def position_key(topic: str, partition: int) -> str:
    """Name the property of one partition."""
    return f"{POSITION_PREFIX}{topic}.{partition}"


def commit_key(sink_index: int) -> str:
    """Name the property of a replica's last commit."""
    return f"{COMMIT_PREFIX}{sink_index}"


def to_properties(topic: str, identity: TopicIdentity, spans: Mapping[int, Span]) -> dict[str, str]:
    """Return the properties a commit sets for the spans it covers."""
    properties = {}
    for partition, span in spans.items():
        marks = {f"{raw_topic}|{raw_partition}": mark for (raw_topic, raw_partition), mark in span.marks.items()}
        stored = _Stored(span.end, marks, identity.cluster, identity.topic_id)
        properties[position_key(topic, partition)] = msgspec.json.encode(stored).decode()
    return properties


def from_properties(
    table: str, properties: Mapping[str, str], topic: str, identity: TopicIdentity
) -> dict[int, Position]:
    """Read the position of every partition this replica reads.

    Raises IdentityError when the table's positions belong to another topic, cluster or incarnation of
    the topic, or cannot be read: a position is never guessed.
    """
    _refuse_other_topics(table, properties, topic)
    return {
        p: _position(table, properties.get(position_key(topic, p)), topic, p, identity) for p in identity.partitions
    }


def _refuse_other_topics(table: str, properties: Mapping[str, str], topic: str) -> None:
    for key in properties:
        if key.startswith(POSITION_PREFIX):
            other = key.removeprefix(POSITION_PREFIX).rpartition(".")[0]
            if other != topic:
                raise IdentityError(
                    f"reading positions of {table}: they belong to topic {other}, this sink reads {topic}",
                    fix="use another catalog namespace, or see runbook `identity`",
                )


def _position(table: str, text: str | None, topic: str, partition: int, identity: TopicIdentity) -> Position:
    if text is None:
        return Position()
    try:
        stored = msgspec.json.decode(text, type=_Stored)
        marks = {_raw_partition(name): mark for name, mark in stored.marks.items()}
    except (msgspec.MsgspecError, ValueError) as error:
        raise IdentityError(
            f"reading position {topic}[{partition}] of {table}: {error}", fix="see runbook `identity`"
        ) from error
    for what, was, found in (
        ("cluster", stored.cluster, identity.cluster),
        ("topic id", stored.topic_id, identity.topic_id),
    ):
        if was != found:
            raise IdentityError(
                f"reading position {topic}[{partition}] of {table}: {what} was {was}, is {found}",
                fix="see runbook `identity`",
            )
    return Position(stored.next, marks)


def _raw_partition(name: str) -> tuple[str, int]:
    topic, _, partition = name.rpartition("|")
    return topic, int(partition)
