"""An intake whose log is a list: envelopes leave for a scripted client that acknowledges at once.

It cannot imitate: partitions, a slow broker, records cut as a real clock would cut them.
"""

from __future__ import annotations

from pathlib import Path

from producers._balance import Balance
from producers._envelope import Envelopes, Lane
from producers._intake import Intake
from producers._policy import Policies
from producers._publisher import Limits, Publisher
from producers._spool import Spool
from schemas import RawFrame, decode_raw
from tests.doubles.kafka_client import ScriptedClient


class MemoryLog:
    """Hold an intake and read back what it published."""

    def __init__(self, path: Path, spool_max_bytes: int = 1 << 20) -> None:
        """Open with an own spool."""
        self.client = ScriptedClient()
        self.balance = Balance()
        self.spool = Spool(path, max_bytes=spool_max_bytes, segment_bytes=1 << 16, fsync="off")
        self.publisher = Publisher(
            self.client, lambda exchange: f"raw.{exchange}", self.spool, Policies({}, 2),
            Limits(1 << 20, 1000, 60.0, 1 << 20), self.balance,
        )  # fmt: skip
        self.envelopes = Envelopes(100, 100_000, 0.0, 0.0)
        self.intake = Intake(self.envelopes, self.publisher, self.balance)
        self.lanes: dict[str, Lane] = {}

    def lane(self, symbol: str) -> Lane:
        """Return the lane of a symbol."""
        return self.lanes.setdefault(symbol, Lane("binance", "usdm", symbol or "_conn", "test"))

    def frames(self, symbol: str) -> list[RawFrame]:
        """Publish what waits and return a symbol's frames in order."""
        self.intake.flush()
        self.publisher.pump()
        records = [decode_raw(value) for _, _, value in self.client.delivered]
        return [frame for record in records if record.symbol == (symbol or "_conn") for frame in record.frames]

    def close(self) -> None:
        """Let go of the spool."""
        self.spool.close()
