"""How `verify` reads a venue: what its frames must become, by a few lines of standard library.

A reader module is `cryptoflow/verify/venues/<exchange>.py`; its `READERS` are the classes of its markets.
It is found by its name. It shares no code with `exchanges/`: an error there must not be able to hide.
One reader is made per market and comparison, so it may remember contracts.

A frame becomes a list of `Expected`, one for each id of its own: a frame of three trades gives three, a book
frame one with a row per level. `rows` are tuples in the order of `values[table]`; numbers as
`frames.exact` spells them, times in integer nanoseconds, absent values None. The key is the tuple of
`keys[table]` (a single column's bare value), with `trade_id` as an int where it is digits. A table with
`keys[table] == ()` has no ids: its key is None, and a frame is found by its rows.

`proofs[table]` says how a missing frame shows: `contiguous` (ids without holes: from_id to to_id of the gap are
exactly those missing), `chain` (ids with holes of their own: the gap may take those in), `seen` (a
checksum or the connection's number shows it, no ids); a table not named proves nothing. `hidden` names
the tables where a `seen` loss may stay unseen (a checksum over the ten best levels).
`crossed_breaks` says that a crossed book is a broken one: it has to be declared. Elsewhere ids or a sum prove it.
`numbered_apart` names tables whose ids each connection counts for itself, as far as documents say: what two
were told may be rows of each, where a recorder goes over from one to the other.
`restarts` says that update ids begin again with a snapshot in the stream: what was lost just before it stays unseen.
"""

from __future__ import annotations

import abc
import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import ClassVar

from cryptoflow.verify.frames import Contract, Expected

KEYS: dict[str, tuple[str, ...]] = {
    "trades": ("trade_id",),
    "quotes": ("update_id",),
    "book_deltas": ("last_update_id",),
    "book_snapshots": ("last_update_id", "exchange_ns"),
    "funding": ("exchange_ns",),
    "liquidations": ("exchange_ns", "side", "size", "price", "average_price", "filled_size"),
}
"""The columns that tell which frame a row belongs to, unless a reader says otherwise."""

VALUES: dict[str, tuple[str, ...]] = {
    "trades": ("price", "size", "base_size", "notional", "side", "count", "exchange_ns"),
    "quotes": ("bid_price", "bid_size", "ask_price", "ask_size", "exchange_ns"),
    "book_deltas": ("side", "level", "price", "size", "first_update_id", "prev_update_id", "exchange_ns"),
    "book_snapshots": ("side", "level", "price", "size"),
    "funding": ("mark_price", "index_price", "settle_price", "funding_rate", "next_funding_ns"),
    "liquidations": ("base_size", "position"),
}
"""The columns compared, unless a reader says otherwise."""

TABLES = tuple(KEYS)
_PACKAGE = "cryptoflow.verify.venues"


class Reader(abc.ABC):
    """Answer what the frames of one market must become."""

    exchange: ClassVar[str]
    market: ClassVar[str]
    keys: ClassVar[Mapping[str, tuple[str, ...]]] = KEYS
    values: ClassVar[Mapping[str, tuple[str, ...]]] = VALUES
    proofs: ClassVar[Mapping[str, str]] = {}
    hidden: ClassVar[frozenset[str]] = frozenset()
    restarts: ClassVar[bool] = False
    numbered_apart: ClassVar[frozenset[str]] = frozenset()
    crossed_breaks: ClassVar[bool] = False

    def __init__(self) -> None:
        """Know no contract yet."""
        self.contracts: dict[str, Contract] = {}

    @abc.abstractmethod
    def expected(self, payload: bytes | str) -> list[Expected]:
        """Read one frame as the venue sends it, before any number of its connection; [] when it is no data.

        A snapshot on the socket has the table `book_snapshots`. Raises ValueError or KeyError for no such frame.
        """

    @abc.abstractmethod
    def tracks(self, stream: str) -> list[tuple[str, str]]:
        """Return (kind, native symbol) of what a stream carries; kinds are those of `gaps.stream`.

        `stream` is the part of the simulator's key after the market. A stream of the whole market
        gives no symbol: (kind, "").
        """

    def answer(self, symbol: str, body: str) -> Expected | None:
        """Read one REST book; None where the venue has none."""
        del symbol, body
        return None

    def instruments(self, body: str) -> None:
        """Learn the contracts from an answer with instruments."""
        del body


@functools.cache
def reader_classes() -> dict[str, type[Reader]]:
    """Return every market's reader by `<exchange>.<market>`."""
    package = importlib.import_module(_PACKAGE)
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))
    modules = [importlib.import_module(f"{_PACKAGE}.{name}") for name in names]
    classes: Sequence[type[Reader]] = [found for module in modules for found in module.READERS]
    return {f"{found.exchange}.{found.market}": found for found in classes}


def readers() -> dict[str, Reader]:
    """Return fresh readers of every market by `<exchange>.<market>`."""
    return {market: found() for market, found in reader_classes().items()}
