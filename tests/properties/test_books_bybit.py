"""Books of Bybit under every fault: one that is called valid is the true one (PROTOCOLS 4.6)."""

from __future__ import annotations

from book_campaign import STEPS, Update, Venue, campaign
from typing_extensions import override

from exchanges.bybit.sequence import BybitBookRules


class Bybit(Venue):
    """Number as Bybit does: one id per update, 1 after a restart, snapshots in the stream."""

    rules = BybitBookRules()
    in_stream = True
    shares_ids = True

    @override
    def start(self) -> None:
        self.id = 18_000_000

    @override
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        self.id += 1
        return self.id, self.id, -1, []

    @override
    def snapshot_id(self) -> int:
        return self.id

    @override
    def restart(self) -> list[Update]:
        self.id = 1
        self.book = {0: self.serial + 1}
        self.epoch += 1
        self.serial += 1
        self.mark(self.id)
        return [self.snapshot()]


def test_bybit_books_are_true_or_invalid() -> None:
    """Whatever is dropped, repeated, reordered, overlapped or restarted."""
    told = campaign(Bybit, seed=4600)
    assert told["valid_steps"] > STEPS * 0.2
    assert min(told[name] for name in ("APPLIED", "BUFFERED", "BREAK", "OLD", "SPLICED")) > 50
