"""Keep together the channels that feed one kind of a symbol: one request asks for all. Pure.

A row of the kind says nothing of the channel it came from, so a gap of the kind is over only when
every one of them is served again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from exchanges import StreamKind
from producers._watchdog import StreamInfo

Fed = tuple[str, StreamKind]
"""A symbol, or index, and a kind of it."""


@dataclass(frozen=True, slots=True)
class Late:
    """Say that a kind was served in part only, from its first channel's answer until its last one's."""

    symbol: str
    kind: StreamKind
    since_ns: int


def batches(
    names: Iterable[str], size: int, group: Callable[[str], str], unit: Callable[[str], Hashable]
) -> list[list[str]]:
    """Cut names into requests of at most `size`, each of one `group`; no boundary cuts a `unit` that fits."""
    units: dict[tuple[str, Hashable], list[str]] = {}
    for name in names:
        units.setdefault((group(name), unit(name)), []).append(name)
    requests: dict[str, list[list[str]]] = {}
    for (where, _), named in units.items():
        filled = requests.setdefault(where, [[]])
        if filled[-1] and len(filled[-1]) + len(named) > size:
            filled.append([])
        for name in named:
            if len(filled[-1]) == size:
                filled.append([])
            filled[-1].append(name)
    return [request for filled in requests.values() for request in filled]


class Channels:
    """Follow, on one connection, which kinds with several channels are not wholly served yet."""

    def __init__(self, streams: Iterable[StreamInfo]) -> None:
        """Wait for every channel of these streams."""
        self._fed: dict[str, Fed] = {}
        self._waiting: dict[Fed, set[str]] = {}
        self._since_ns: dict[Fed, int] = {}
        self.add(streams)

    def add(self, streams: Iterable[StreamInfo]) -> None:
        """Wait for further streams; those of one symbol come at once."""
        found: dict[Fed, set[str]] = {}
        for info in streams:
            self._fed[info.name] = info.symbol, info.kind
            for kind in info.kinds:
                found.setdefault((info.symbol, kind), set()).add(info.name)
        self._waiting.update({fed: names for fed, names in found.items() if len(names) > 1})

    def drop(self, streams: Iterable[StreamInfo]) -> None:
        """Wait no more for streams that are given up."""
        for info in streams:
            self._fed.pop(info.name, None)
            for kind in info.kinds:
                self._waiting.pop((info.symbol, kind), None)
                self._since_ns.pop((info.symbol, kind), None)

    def unit(self, name: str) -> Hashable:
        """Return what a subscribed name feeds: names with the same belong into one request."""
        return self._fed.get(name, name)

    def served(self, names: Sequence[str], now_ns: int) -> list[Late]:
        """Take the names the venue accepted; return what is whole with them and was not at once."""
        late: list[Late] = []
        for fed in [fed for fed, waiting in self._waiting.items() if not waiting.isdisjoint(names)]:
            waiting = self._waiting[fed]
            waiting.difference_update(names)
            since_ns = self._since_ns.setdefault(fed, now_ns)
            if not waiting:
                del self._waiting[fed], self._since_ns[fed]
                if since_ns < now_ns:
                    late.append(Late(*fed, since_ns))
        return late
