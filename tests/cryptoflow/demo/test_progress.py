"""Questions to the running parts: an answer is exact, and no answer is said as such."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typing_extensions import override

from cryptoflow.config import Catalog, Kafka, Settings
from cryptoflow.demo.progress import LogEnds, Tables, fetch_counter, fetch_counts, fetch_json, reached
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.ports import free_port
from cryptoflow.tables import ensure_tables
from schemas import records
from sinks.iceberg.catalog import connect
from sinks.iceberg.positions import POSITION_PREFIX

METRICS = """# TYPE dropped_total counter
dropped_total{exchange="a"} 2.0
dropped_total{exchange="b"} 3.0
dropped_total{exchange="b",why="late"} 4.0
dropped_total_other 100.0
dropped_totals 100.0
bare_total 1.0e+06
"""
ANSWERS: dict[str, tuple[int, str]] = {
    "/ready": (200, '{"ready": true}'),
    "/busy": (503, '{"ready": false}'),
    "/broken": (200, '{"ready": '),
    "/list": (200, "[1]"),
    "/metrics": (200, METRICS),
}


class Answering(BaseHTTPRequestHandler):
    """Answer as the script says."""

    def do_GET(self) -> None:
        """Answer one request."""
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the address of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody() -> str:
    """Return an address where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


def test_an_unready_part_has_answered_too(url: str) -> None:
    """503 with a body tells facts like 200 does."""
    assert fetch_json(f"{url}/ready") == {"ready": True}
    assert fetch_json(f"{url}/busy") == {"ready": False}


def test_no_answer_is_none(url: str, nobody: str) -> None:
    """Nobody there, broken JSON and what is no object are no facts."""
    assert fetch_json(f"{nobody}/ready") is None
    assert fetch_json(f"{url}/broken") is None
    assert fetch_json(f"{url}/list") is None


def test_a_counter_is_summed_over_its_labels(url: str, nobody: str) -> None:
    """Metrics whose name only begins like it are others."""
    assert fetch_counter(f"{url}/metrics", "dropped_total") == 9
    assert fetch_counter(f"{url}/metrics", "bare_total") == 1_000_000
    assert fetch_counter(f"{url}/metrics", "absent_total") == 0
    assert fetch_counter(f"{nobody}/metrics", "dropped_total") == 0


def test_a_counter_is_told_by_labels(url: str, nobody: str) -> None:
    """Counts of one value are summed over the other labels; a label that is not there is empty."""
    assert fetch_counts(f"{url}/metrics", "dropped_total", "exchange") == {("a",): 2, ("b",): 7}
    assert fetch_counts(f"{url}/metrics", "dropped_total", "why", "exchange") == {
        ("", "a"): 2, ("", "b"): 3, ("late", "b"): 4,
    }  # fmt: skip
    assert fetch_counts(f"{nobody}/metrics", "dropped_total", "exchange") == {}


def test_an_end_is_reached_by_every_partition_that_has_records() -> None:
    """An empty partition needs no position; one record short is not there; further is there."""
    wanted = {("t", 0): 5, ("t", 1): 0}
    assert reached(wanted, {("t", 0): 5})
    assert reached(wanted, {("t", 0): 6, ("u", 0): 1})
    assert not reached(wanted, {("t", 0): 4})
    assert not reached(wanted, {("u", 0): 5})
    assert not reached(wanted, {})


@pytest.mark.stack
def test_ends_are_those_of_the_broker(broker: KafkaBroker) -> None:
    """Every partition of a topic has its end; a topic that does not exist is left out."""
    topic = "demo-progress-ends"
    servers = broker.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": servers})
    for _ in range(3):
        producer.produce(topic, b"x", partition=1)
    assert producer.flush(30) == 0
    ends = LogEnds(Settings(kafka=Kafka(bootstrap_servers=servers)))
    try:
        assert ends.of([topic, "demo-progress-absent"]) == {(topic, 0): 0, (topic, 1): 3}
    finally:
        ends.close()


def test_a_broker_that_is_away_has_no_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends half read would end a run too early, so there are none."""

    class Away:
        """Be a consumer whose broker does not answer."""

        def list_topics(self, timeout: float) -> None:
            """Fail as the client does."""
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, f"nothing for {timeout} s"))

    monkeypatch.setattr("cryptoflow.demo.progress.Consumer", lambda _settings: Away())
    assert LogEnds(Settings()).of(["any"]) == {}


@pytest.mark.stack
def test_a_table_tells_rows_snapshots_and_positions(standin: Any) -> None:
    """Positions are read from the properties the sink writes; a new table has none."""
    settings = Settings(catalog=standin.catalog.model_copy(update={"namespace": "progress"}))
    ensure_tables(settings)
    table = connect(settings).load_table(("progress", "trades"))
    with table.transaction() as change:
        change.set_properties({f"{POSITION_PREFIX}x.md.trades.3": '{"next": 17}', "other": "1"})
    states = Tables(settings).states()
    assert states["trades"].positions == {("x.md.trades", 3): 17}
    assert (states["trades"].rows, states["trades"].snapshots) == (0, 0)
    assert states["quotes"].positions == {}
    assert states.keys() == records().keys()
    assert Tables(settings).distinct("gaps", "gap_id") == 0


@pytest.mark.stack
def test_tables_that_do_not_exist_have_no_state(standin: Any) -> None:
    """A deployment without tables shows none."""
    catalog: Catalog = standin.catalog.model_copy(update={"namespace": "progress_none"})
    assert Tables(Settings(catalog=catalog)).states() == {}
