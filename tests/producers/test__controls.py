"""A control topic is a table that is read whole and then followed."""

from __future__ import annotations

import uuid

import pytest

from cryptoflow.config import Kafka, Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, UnreachableError
from cryptoflow.localstack.mockbroker import serve
from producers import _controls
from producers._controls import ControlTable, write
from tests.doubles.venue_run import until

NAME = "symbols"


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Point at librdkafka's mock broker, which has one control topic."""
    prefix = f"c{uuid.uuid4().hex[:6]}."
    kafka = Kafka(prefix=prefix)
    return Settings(kafka=Kafka(prefix=prefix, bootstrap_servers=serve({kafka.control_topic(NAME): 1})))


async def test_the_table_is_read_whole_and_then_followed(settings: Settings) -> None:
    """The newest value of a key counts, an empty one deletes it, changes come in order."""
    write(settings, NAME, {"a": b"1", "b": b"1", "c": b"1"})
    write(settings, NAME, {"a": b"2", "b": b""})
    table = ControlTable(settings, NAME)
    try:
        assert table.load() == {"a": b"2", "c": b"1"}
        assert table.poll() == []
        write(settings, NAME, {"c": b"", "d": b"4"})
        found: list[tuple[str, bytes]] = []

        def arrived() -> bool:
            found.extend(table.poll())
            return len(found) == 2

        await until(arrived, 10, "the changes")
        assert found == [("c", b""), ("d", b"4")]
    finally:
        table.close()


def test_a_topic_that_is_missing_is_an_empty_table(settings: Settings) -> None:
    """A deployment that never applied it records as configured; who writes to it is told the remedy."""
    table = ControlTable(settings, "unheard_of")
    assert table.load() == {}
    assert table.poll() == []
    table.close()
    with pytest.raises(ConfigError, match="topics apply"):
        write(settings, "unheard_of", {"a": b"1"})


def test_a_broker_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading can be tried again, writing ends."""
    monkeypatch.setattr(_controls, "TIMEOUT_S", 0.3)
    away = Settings(kafka=Kafka(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(BrokerAwayError):
        ControlTable(away, NAME, 0.3).load()
    with pytest.raises(UnreachableError):
        write(away, NAME, {"a": b"1"})
