"""Ask the running parts how far they are: the simulator, the processes' facts, the broker, the tables."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cryptoflow.config import Settings
from schemas import records
from sinks.iceberg.catalog import connect
from sinks.iceberg.positions import POSITION_PREFIX

HTTP_TIMEOUT_S = 5.0
BROKER_TIMEOUT_S = 10.0
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def fetch_json(url: str) -> dict[str, Any] | None:
    """Return the JSON object a loopback endpoint answers with, None while it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - our own loopback URL
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError:
        return None
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def fetch_counter(url: str, name: str) -> int:
    """Return the sum of a Prometheus counter over all its labels, 0 while nothing answers."""
    return sum(fetch_counts(url, name).values())


def fetch_counts(url: str, name: str, *labels: str) -> dict[tuple[str, ...], int]:
    """Return a Prometheus counter by the values of some of its labels, empty while nothing answers."""
    found: Counter[tuple[str, ...]] = Counter()
    try:
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - our own loopback URL
            text = answer.read().decode()
    except OSError:
        return found
    for line in text.splitlines():
        if line.startswith((f"{name}{{", f"{name} ")):
            told, _, count = line.rpartition(" ")
            values = dict(_LABEL.findall(told))
            found[tuple(values.get(label, "") for label in labels)] += int(float(count))
    return found


class LogEnds:
    """Read where topics end."""

    def __init__(self, settings: Settings) -> None:
        """Open one consumer that never joins a group."""
        self._consumer = Consumer(
            {**settings.kafka.client(), "group.id": "cryptoflow-demo", "enable.auto.commit": False}
        )

    def of(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Return {(topic, partition): end offset}; a topic the broker does not have is left out."""
        found: dict[tuple[str, int], int] = {}
        try:
            known = self._consumer.list_topics(timeout=BROKER_TIMEOUT_S).topics
            for topic in topics:
                for partition in known[topic].partitions if topic in known else ():
                    _, end = self._consumer.get_watermark_offsets(
                        TopicPartition(topic, partition), timeout=BROKER_TIMEOUT_S
                    )
                    found[topic, partition] = end
        except KafkaException:
            return {}
        return found

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def reached(wanted: Mapping[tuple[str, int], int], positions: Mapping[tuple[str, int], int]) -> bool:
    """Say whether every wanted end has been reached; an empty partition needs no position."""
    return all(positions.get(key, 0) >= end for key, end in wanted.items() if end)


@dataclass(frozen=True, slots=True)
class TableState:
    """Hold what one Iceberg table says: rows, snapshots and the next md offset per (topic, partition)."""

    rows: int
    snapshots: int
    positions: dict[tuple[str, int], int]


class Tables:
    """Read the state and the rows of the stack's tables."""

    def __init__(self, settings: Settings) -> None:
        """Connect to the catalog."""
        self._catalog = connect(settings)
        self._namespace = settings.catalog.namespace

    def state(self, name: str) -> TableState:
        """Return the table's state as the catalog has it now. Raises what the catalog client raises."""
        metadata = self._catalog.load_table((self._namespace, name)).metadata
        current = metadata.current_snapshot()
        rows = int(current.summary["total-records"] or 0) if current and current.summary else 0
        positions = {}
        for key, value in metadata.properties.items():
            if key.startswith(POSITION_PREFIX):
                topic, _, partition = key.removeprefix(POSITION_PREFIX).rpartition(".")
                positions[topic, int(partition)] = int(orjson.loads(value)["next"])
        return TableState(rows, len(metadata.snapshots), positions)

    def states(self) -> dict[str, TableState]:
        """Return the state of every table that has a topic and exists."""
        return {name: self.state(name) for name in records() if self._catalog.table_exists((self._namespace, name))}

    def by_market(self, name: str) -> dict[str, int]:
        """Count the rows of each `<exchange>.<market>`."""
        found: Counter[str] = Counter()
        scan = self._catalog.load_table((self._namespace, name)).scan(selected_fields=("exchange", "market"))
        for batch in scan.to_arrow_batch_reader():
            names = [pc.cast(batch.column(column), pa.string()) for column in ("exchange", "market")]
            counts = pc.value_counts(pc.binary_join_element_wise(*names, "."))
            for one in counts.to_pylist():
                found[one["values"]] += one["counts"]
        return dict(found)

    def distinct(self, name: str, column: str) -> int:
        """Count the distinct values of a column."""
        scan = self._catalog.load_table((self._namespace, name)).scan(selected_fields=(column,))
        return int(pc.count_distinct(scan.to_arrow().column(column)).as_py())
