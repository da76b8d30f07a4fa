"""The pages of what flows: records and topics."""

from __future__ import annotations

from collections.abc import Iterable

from cryptoflow.reference.markdown import code, head, join, table
from cryptoflow.registry import load
from schemas import COMMON, Field, Record, records, topics

_RECORDS = """\
A record kind is declared in one file of `schemas/`; its topic, its Iceberg table and this page come from there.
Every table is partitioned by `hour(received_at), exchange`. A row's identity within its table and exchange is
(`raw_partition`, `raw_offset`, `row_index`): where it came from. Prices and sizes are `decimal(38,18)`, never
rounded; `*_ns` are integer nanoseconds since the epoch, UTC. `symbolic` is a string that repeats: a dictionary
on topics, a plain string in tables. Ids are Iceberg field ids and never change."""

_TOPICS = """\
Every name is preceded by `kafka.prefix`; md and state topics also by `kafka.output_prefix`. All raw and md topics
have `kafka.partitions` partitions, fixed at creation."""

_RAW = """\
## raw: frames as received

Written by producers. Key `<exchange>.<market>.<native symbol>`, or `<exchange>.<market>._conn` for frames without
a symbol. Value: the JSON envelope of `schemas/_raw.py`, one or more frames each."""

_MD = """\
## md: rows

Written by workers. One Arrow IPC record batch per Kafka record, no key, the partition of the raw record. Headers:
`raw_topic`, `raw_partition`, `first` and `last` raw offset, `rows`, `prev` (the last raw offset before this record
that produced rows for the topic), `v`. Columns in wire order:"""

_COLUMNS = "Topic `{topic}`; table `{table}`, sorted by {sort} inside a file. The common columns, then:"


def records_page() -> str:
    """Describe every record kind: its topic, table, order and columns."""
    parts = [
        head("Records"),
        _RECORDS,
        "## Common columns",
        _field_table(COMMON),
    ]
    parts += [_record_section(record) for _, record in sorted(records().items())]
    return join(parts)


def _record_section(record: Record) -> str:
    parts = [
        f"## {record.name}",
        record.doc,
        _COLUMNS.format(topic=record.topic, table=record.name, sort=code(record.sort)),
        _field_table(record.fields),
    ]
    return "\n\n".join(parts)


def _field_table(declared: Iterable[Field]) -> str:
    rows = []
    for one in declared:
        notes = ["required"] if one.required else []
        notes += [f"from `{one.derived_from}`, tables only"] if one.derived_from else []
        notes += ["may be negative"] if one.signed else []
        rows.append((str(one.id), f"`{one.name}`", one.type.value, one.unit, one.doc, ", ".join(notes)))
    return table(("id", "column", "type", "unit", "what it says", ""), rows)


def topics_page() -> str:
    """Describe every topic: key, value, who writes it."""
    raw = [
        (f"`raw.{name}`", ", ".join(sorted(venue.markets)))
        for name, venue in sorted(load("exchanges", "EXCHANGE").items())
    ]
    md = [
        (f"`{name}`", code(record.name for record in topic.records), code(f.name for f in topic.fields))
        for name, topic in sorted(topics().items())
    ]
    return join(
        [
            head("Topics"),
            _TOPICS,
            _RAW,
            table(("topic", "markets"), raw),
            _MD,
            table(("topic", "records", "columns"), md),
            "## Topics of the system itself",
            table(
                ("topic", "cleanup", "key", "value"),
                [
                    (
                        "`state.<role>`",
                        "compact",
                        "`s|<raw topic>|<symbol key>|<epoch>`, `b|<raw topic>|<partition>`",
                        "a symbol's state with the raw offset it stands at; a partition's barrier",
                    ),
                    ("`control.reseed`", "delete", "none", "a request for a book snapshot or for trades by id, JSON"),
                    ("`control.symbols`", "compact", "`<exchange>.<market>.<name>`", "a symbol added or removed, JSON"),
                    (
                        "`control.replicas`",
                        "compact",
                        "`[<feed>/]<exchange>.<market>`, with `#<replica>`",
                        "how many replicas share a market; that a replica holds just what it then owns, JSON",
                    ),
                ],
            ),
        ]
    )
