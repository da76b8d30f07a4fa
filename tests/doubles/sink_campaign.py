"""Random campaigns of several Iceberg sinks over one made-up log and one scripted catalog.

A campaign is a function of its seed: writers take records, commit, die and start again while the
catalog answers as scripted. `faults` names what is wrong in the table at the end.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from md_log import MdLog
from scripted_catalog import ScriptedCatalog, random_script

from cryptoflow.config import Settings
from sinks._sink import MdRecord, Patience, Starts, TopicIdentity
from sinks.iceberg import IcebergSink
from sinks.iceberg import catalog as ice

TOPIC = "md.trades"
TABLE = ("market_data", "trades")
PARTITIONS = (0, 1)
IDENTITY = TopicIdentity("cluster", "topic-id", PARTITIONS)


def settings_for(folder: Path, **sinks: object) -> Settings:
    """Return settings of a SQL catalog in a folder, for one table and without waits."""
    values = {"tables": ["trades"], "commit_retry_min_s": 0.0, "commit_retry_max_s": 0.001} | sinks
    return Settings(
        environment="test",
        catalog={"kind": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"},  # type: ignore[arg-type]
        sinks=values,  # type: ignore[arg-type]
    )


def scripted(settings: Settings) -> ScriptedCatalog:
    """Connect a scripted catalog."""
    return ScriptedCatalog("cryptoflow", uri=settings.catalog.uri, warehouse=settings.catalog.warehouse)


@dataclass
class Writer:
    """Drive one sink by hand: the loop of a process, one step at a time."""

    settings: Settings
    catalog: ScriptedCatalog
    log: MdLog
    partitions: tuple[int, ...] = PARTITIONS

    def __post_init__(self) -> None:
        """Start."""
        self.patience = Patience(threading.Event(), 1.0)
        self.restart()

    def restart(self) -> None:
        """Lose all memory and start as a new process does."""
        self.sink = IcebergSink(self.settings, lambda _: self.catalog)
        identity = TopicIdentity(IDENTITY.cluster, IDENTITY.topic_id, self.partitions)
        self.places: Starts = self.sink.open({TOPIC: identity}, self.patience)

    def take(self, records: int) -> int:
        """Read some records on."""
        fresh = self.log.read(self.places)[:records]
        for record in fresh:
            self.write(record)
        return len(fresh)

    def write(self, record: MdRecord) -> None:
        """Take one record."""
        self.sink.write(record)
        self.places[record.topic, record.partition] = record.offset + 1

    def commit(self) -> None:
        """Commit all that was taken and go where the sink says."""
        self.places.update(self.sink.commit(self.patience, final=True))

    def finish(self) -> None:
        """Read and commit until the table has everything."""
        while True:
            self.take(1000)
            self.commit()
            if not self.log.read(self.places):
                return


class Campaign:
    """Run one seeded campaign."""

    def __init__(self, folder: Path, seed: int, *, steps: int = 8, writers: int = 2, longest_script: int = 6) -> None:
        """Make table, log and writers."""
        folder.mkdir(parents=True, exist_ok=True)
        self.rng = random.Random(seed)
        self.steps = steps
        self.longest_script = longest_script
        self.settings = settings_for(
            folder,
            manifest_merge_commits=self.rng.choice([2, 3, 100]),
            snapshot_max_age_h=self.rng.choice([0, 1e-9]),
            snapshot_keep_min=self.rng.choice([1, 5]),
        )
        self.catalog = scripted(self.settings)
        self.log = MdLog(TOPIC)
        shared = self.rng.random() < 0.5
        owned = [PARTITIONS] * writers if shared else [(p,) for p in PARTITIONS]
        self.writers = [Writer(self.settings, self.catalog, self.log, own) for own in owned]
        self.catalog.foreign = self._foreign

    def _foreign(self) -> None:
        """Let some writer commit while another one's request is on its way."""
        writer = self.rng.choice(self.writers)
        fresh = Writer(self.settings, self.catalog, self.log, writer.partitions)
        fresh.take(self.rng.randint(0, 3))
        fresh.commit()

    def produce(self) -> None:
        """Append records; sometimes as a worker does after a crash: the same rows again, cut differently."""
        for partition in PARTITIONS:
            for _ in range(self.rng.randint(0, 2)):
                known = self.log.prev.get(partition, -1)
                first = max(0, known + 1 - self.rng.choice([0, 0, 1, 2]))
                end = known + 1 + self.rng.randint(1, 2)
                self.log.append(partition, range(first, end), prev=first - 1)

    def run(self) -> None:
        """Do the steps, then let the catalog be well and finish."""
        for _ in range(self.steps):
            self.produce()
            writer = self.rng.choice(self.writers)
            writer.take(self.rng.randint(0, 4))
            action = self.rng.random()
            if action < 0.7:
                self.catalog.script.extend(random_script(self.rng, self.longest_script))
                writer.commit()
                self.catalog.script.clear()
            elif action < 0.85:
                writer.restart()
        for writer in self.writers:
            writer.finish()

    def faults(self) -> list[str]:
        """Name everything that is wrong with the table."""
        return table_faults(self.catalog.load_table(TABLE), self.log)


def table_faults(table: ice.Table, log: MdLog) -> list[str]:
    """Compare a table with the log: rows, files, references, positions."""
    found = []
    rows = table.scan().to_arrow().select(["raw_partition", "raw_offset", "row_index"]).to_pylist()
    keys = Counter((row["raw_partition"], row["raw_offset"], row["row_index"]) for row in rows)
    if any(count > 1 for count in keys.values()):
        found.append(f"{len(rows) - len(keys)} rows twice")
    if missing := log.identities() - set(keys):
        found.append(f"{len(missing)} rows missing")
    if extra := set(keys) - log.identities():
        found.append(f"{len(extra)} rows nobody wrote")
    snapshot = table.current_snapshot()
    entries = [
        entry.data_file.file_path
        for manifest in (snapshot.manifests(table.io) if snapshot else [])
        for entry in manifest.fetch_manifest_entry(table.io)
    ]
    if len(set(entries)) != len(entries):
        found.append("a file is referenced twice")
    if dangling := [path for path in entries if not table.io.new_input(path).exists()]:
        found.append(f"{len(dangling)} references to files that are gone")
    return found
