"""The uninterrupted run a campaign is compared with: other workers and sinks over the same raw records."""

from __future__ import annotations

import threading

from cryptoflow import clock, tables, topics
from cryptoflow.chaos.fleet import Fleet
from cryptoflow.config import Settings
from cryptoflow.demo.plan import write_config
from cryptoflow.demo.progress import LogEnds, Tables, reached
from cryptoflow.errors import StopError
from cryptoflow.localstack import LocalStack
from cryptoflow.localstack.stack import merge
from cryptoflow.verify import table_hash
from cryptoflow.verify.tables import catalog_reader
from schemas import records
from schemas import topics as md_topics

PREFIX = "reference."
NAMESPACE = "reference"
POLL_INTERVAL_S = 0.5
TIMEOUT_S = 900.0


def run_reference(stack: LocalStack, settings: Settings) -> Settings:
    """Run one worker and one sink from the start of the raw log to its end; return their settings.

    Nothing disturbs them and the producer is stopped, so the log does not grow. Raises StopError when
    they do not reach its end in time.
    """
    own = merge(settings, {"kafka": {"output_prefix": PREFIX}, "catalog": {"namespace": NAMESPACE}})
    topics.apply(own)
    tables.ensure_tables(own)
    config = stack.data_dir / "reference.yaml"
    write_config(config, own, {})
    fleet = Fleet(stack, config, members=1)
    ends, state = LogEnds(own), Tables(own)
    pause = threading.Event()
    deadline_s = clock.monotonic_s() + TIMEOUT_S
    raw = ends.of([own.kafka.raw_topic(exchange) for exchange in fleet.exchanges])
    fleet.members = [member for member in fleet.members if member.role != "producer"]
    for member in fleet.members:
        member.name = f"reference-{member.name}"
    try:
        while not reached(raw, fleet.worker_positions()):
            _wait(fleet, pause, deadline_s)
        md = ends.of([own.kafka.md_topic(name) for name in md_topics()])
        while not _committed(own, state, md):
            _wait(fleet, pause, deadline_s)
    finally:
        fleet.stop()
        ends.close()
    return own


def _wait(fleet: Fleet, pause: threading.Event, deadline_s: float) -> None:
    fleet.tend()
    if fleet.unexpected or clock.monotonic_s() > deadline_s:
        raise StopError("running the reference: " + (fleet.unexpected or ["it did not reach the end in time"])[0])
    pause.wait(POLL_INTERVAL_S)


def _committed(settings: Settings, tables_now: Tables, md: dict[tuple[str, int], int]) -> bool:
    states = tables_now.states()
    return all(
        reached(
            {key: end for key, end in md.items() if key[0] == settings.kafka.md_topic(record.topic)},
            states[name].positions,
        )
        for name, record in records().items()
        if name in states
    )


def differences(first: Settings, second: Settings) -> dict[str, tuple[str, str]]:
    """Return {table: (hash, hash)} of the tables whose rows are not the same."""
    found = {}
    for name in Tables(first).states():
        readers = (catalog_reader(each, all_columns=True) for each in (first, second))
        hashes = [table_hash(reader, name) for reader in readers]
        if hashes[0] != hashes[1]:
            found[name] = (hashes[0], hashes[1])
    return found
