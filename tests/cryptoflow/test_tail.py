"""Tail shows rows of md topics, frames of raw topics and other records, from the real broker."""

from __future__ import annotations

from typing import Any

import confluent_kafka
import pyarrow as pa
import pytest

from cryptoflow import tail
from cryptoflow.config import Kafka
from cryptoflow.errors import BrokerAwayError, ConfigError
from cryptoflow.localstack.ports import free_port
from schemas import MdHeader, encode_frame, encode_md, encode_raw, topics


def book_batch(kinds: list[str]) -> pa.RecordBatch:
    """Return rows of md.book, one per kind."""
    schema = topics()["md.book"].schema
    blank = dict.fromkeys(schema.names)
    rows = [{**blank, "kind": kind, "symbol": "AAA-USDT-PERP", "raw_offset": n} for n, kind in enumerate(kinds)]
    columns = [pa.array([row[f.name] for row in rows], f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@pytest.mark.parametrize(
    ("name", "topic", "kind"),
    [
        ("trades", "p.md.trades", ""),
        ("md.trades", "p.md.trades", ""),
        ("book_deltas", "p.md.book", "book_deltas"),
        ("md.book", "p.md.book", ""),
        ("raw.binance", "p.raw.binance", ""),
        ("state.all", "p.state.all", ""),
        ("control.reseed", "p.control.reseed", ""),
        ("p.anything", "p.anything", ""),
    ],
)
def test_names_find_their_topic(name: str, topic: str, kind: str) -> None:
    """Tables, md, raw, state and control names get the prefix; other names are taken as they are."""
    assert tail.source_of(Kafka(prefix="p."), name) == tail.Source(topic, kind)


@pytest.mark.stack
def test_rows_frames_and_text_are_shown(deployment: Any) -> None:
    """A shared topic shows the kind asked for; raw frames keep their bytes; no follow ends at the end."""
    kafka = deployment.settings.kafka
    producer = confluent_kafka.Producer(kafka.client())
    header = MdHeader(raw_topic="r", raw_partition=0, first=0, last=2, rows=3, prev=-1)
    value = encode_md(book_batch(["book_deltas", "gap", "book_deltas"]))
    producer.produce(kafka.md_topic("md.book"), value, headers=header.to_kafka(), partition=1)
    frame = encode_frame("c", 7, 99, "trades", b'{"p":"1.50"}')
    producer.produce(kafka.raw_topic("binance"), encode_raw("binance", "usdm", "AAAUSDT", "test", [frame]), key="k")
    producer.produce(kafka.control_topic("reseed"), b'{"symbol":"AAAUSDT"}')
    assert producer.flush(10) == 0

    def shown(name: str) -> list[dict[str, object]]:
        return list(tail.read(kafka, tail.source_of(kafka, name), from_beginning=True, follow=False))

    assert [row["raw_offset"] for row in shown("book_deltas")] == [0, 2]
    assert [row["kind"] for row in shown("md.book")] == ["book_deltas", "gap", "book_deltas"]
    [raw] = shown("raw.binance")
    assert (raw["frame"], raw["frame_no"], raw["source"], raw["key"]) == ('{"p":"1.50"}', 7, "test", "k")
    assert shown("control.reseed")[0]["value"] == '{"symbol":"AAAUSDT"}'
    assert shown("trades") == []


@pytest.mark.stack
def test_a_missing_topic_is_named(deployment: Any) -> None:
    """The error says which topic and how to list them."""
    with pytest.raises(ConfigError, match="reading nowhere: there is no such topic"):
        list(tail.read(deployment.settings.kafka, tail.Source("nowhere")))


def test_a_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for ever for a broker that does not answer."""
    monkeypatch.setattr(tail, "_TIMEOUT_S", 0.5)
    with pytest.raises(BrokerAwayError):
        list(tail.read(Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}"), tail.Source("t")))


def test_a_line_leaves_nulls_out() -> None:
    """People see what is there."""
    assert tail.line({"a": 1, "b": None, "c": "x"}) == "a=1 c=x"
