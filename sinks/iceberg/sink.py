"""The Iceberg sink: md topics to tables, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from typing_extensions import override

from cryptoflow import clock, events
from cryptoflow.config import Settings
from cryptoflow.errors import CryptoflowError, RetryError
from cryptoflow.failpoint import fail_point
from schemas import Record
from sinks._sink import MdRecord, Patience, Sink, Starts, TopicIdentity
from sinks.iceberg import catalog as ice
from sinks.iceberg.committer import Committer
from sinks.iceberg.config import plans
from sinks.iceberg.router import Router
from sinks.iceberg.tables import ensure_namespace, ensure_table, load_table
from sinks.iceberg.target import Target

_T = TypeVar("_T")
_OPEN_RETRY_S = 1.0


class IcebergSink(Sink):
    """Write every table switched on; the tables hold their own positions."""

    def __init__(self, settings: Settings, connect: Callable[[Settings], ice.Catalog] = ice.connect) -> None:
        """Resolve the plan; the catalog is reached on `open`. Raises ConfigError for a wrong setting."""
        self._settings = settings
        self._connect = connect
        self._plans = plans(settings)
        self._router = Router(self._plans)
        self._targets: list[Target] = []

    @override
    def topics(self) -> tuple[str, ...]:
        """Name the md topics of the tables switched on."""
        return tuple(sorted({plan.topic for plan in self._plans}))

    @override
    def open(self, log: Mapping[str, TopicIdentity], patience: Patience) -> Starts:
        """Create or load the tables and read their positions."""
        fail_point("sink.recovery")
        deadline_s = clock.monotonic_s() + self._settings.sinks.topic_wait_s

        def reached(step: str, work: Callable[[], _T]) -> _T:
            attempt = 0
            while True:
                attempt += 1
                try:
                    return work()
                except CryptoflowError:
                    raise
                except Exception as error:  # clients of catalogs let many kinds out
                    text = f"{type(error).__name__}: {error}"[:300]
                    events.CatalogAway(table="", step=step, attempt=attempt, error=text).emit()
                    if patience.stopping or clock.monotonic_s() >= deadline_s:
                        raise RetryError(f"opening the catalog: {text}", fix="see `cryptoflow doctor`") from error
                patience.wait(_OPEN_RETRY_S)

        catalog = reached("connect", lambda: self._connect(self._settings))
        if self._settings.sinks.create_tables:
            reached("namespace", lambda: ensure_namespace(self._settings, catalog))
        for plan in self._plans:

            def opened(record: Record = plan.record) -> ice.Table:
                if self._settings.sinks.create_tables:
                    return ensure_table(self._settings, catalog, record)[0]
                return load_table(self._settings, catalog, record)

            table = reached(plan.record.name, opened)
            target = Target(self._settings, plan, Committer(self._settings, table, plan.topic, log[plan.topic]))
            self._targets.append(target)
            self._router.add(target)
        return self._merged((target, target.starts()) for target in self._targets)

    @override
    def write(self, record: MdRecord) -> None:
        """Hand the rows to their tables; flushes the largest one when the byte budget is used up."""
        self._router.write(record)

    @override
    def commit(self, patience: Patience, *, final: bool = False) -> Starts:
        """Commit the tables that are due."""
        back = [target for target in self._chosen(final=final) if not target.flush(patience)]
        topics = {target.plan.topic for target in back}
        # A table sent back shares its reader with the other tables of its topic: none of them may miss a record.
        return self._merged((target, target.starts()) for target in self._targets if target.plan.topic in topics)

    def _chosen(self, *, final: bool) -> list[Target]:
        if final:
            return list(self._targets)
        chosen = [target for target in self._targets if target.due()]
        held = sum(target.held_bytes for target in self._targets if target not in chosen)
        for target in sorted(self._targets, key=lambda t: t.held_bytes, reverse=True):
            if held <= self._settings.sinks.buffer_max_bytes:
                break
            if target not in chosen:
                chosen.append(target)
                held -= target.held_bytes
        return chosen

    @override
    def close(self) -> None:
        """Drop what is buffered; the next start reads it again."""
        self._targets.clear()

    @override
    def committed(self) -> Starts:
        """Return the lowest durable offset of each partition over its tables."""
        return self._merged((target, target.stored()) for target in self._targets)

    @override
    def detail(self) -> dict[str, object]:
        """Report positions, rows committed and bytes held, per table."""
        return {"tables": {target.plan.record.name: target.detail() for target in self._targets}}

    @staticmethod
    def _merged(offsets: Iterable[tuple[Target, Mapping[int, int | None]]]) -> Starts:
        lowest: Starts = {}
        for target, of in offsets:
            for partition, offset in of.items():
                key = (target.plan.topic, partition)
                known = lowest.get(key, offset)
                lowest[key] = None if known is None or offset is None else min(known, offset)
        return lowest
