"""Recordings of real sessions: what they hold, read in the order of their receive times."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cryptoflow.errors import ConfigError
from cryptoflow.simulator.venues import venue_of, venues
from cryptoflow.simulator.venues._values import Channel, Listing, Recorded, Row
from cryptoflow.simulator.venues._venue import Venue

_SAMPLES_MAX = 3


class _Line(msgspec.Struct):
    t: int
    conn: str
    ev: str
    url: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a replay: a frame of streams, or a book answer (`keys` empty)."""

    offset_ns: int
    market: str
    symbol: str
    keys: tuple[str, ...]
    payload: bytes


@dataclass
class Plan:
    """Say what a demo subscribes to replay recordings, and what the replay consists of.

    Markets are `<exchange>.<market>`; `rest` holds recorded bodies by (market, kind), `received_ns` the
    first receive time by exchange.
    """

    channels: dict[str, Channel] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    rest: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    samples: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    received_ns: dict[str, int] = field(default_factory=dict)

    @property
    def markets(self) -> tuple[str, ...]:
        """Return the markets that have frames."""
        return tuple(dict.fromkeys(key.partition(" ")[0] for key in self.channels))

    def symbols(self, market: str) -> tuple[str, ...]:
        """Return the native symbols of a market, in the order met."""
        found = [name for key, name in _symbols(self) if key == market]
        return tuple(dict.fromkeys(found))

    def streams(self, market: str) -> tuple[str, ...]:
        """Return the names of a market's streams, as its venue spells them in keys."""
        return tuple(key.partition(" ")[2] for key in self.channels if key.partition(" ")[0] == market)

    def listings(self, market: str) -> list[Listing]:
        """Return definitions of the recorded symbols, as good as the frames tell."""
        venue, name = venue_of(market), market.partition(".")[2]
        return [venue.recorded_listing(name, symbol, self.samples[market, symbol]) for symbol in self.symbols(market)]


def _symbols(plan: Plan) -> Iterator[tuple[str, str]]:
    for channel in plan.channels.values():
        if channel.symbol:
            yield channel.key.partition(" ")[0], channel.symbol
    yield from plan.samples


_line = msgspec.json.Decoder(_Line)


def plan_recording(paths: Sequence[Path]) -> Plan:
    """Read recordings of any venue; several are laid side by side, each from its own start.

    Raises ConfigError for a file that cannot be read or that no simulated venue recorded.
    """
    plan = Plan()
    for path in paths:
        rows = _rows(path)
        readers = {venue: venue.reader() for venue, _ in rows}
        for venue, row in rows:
            plan.received_ns.setdefault(venue.exchange, row.t)
            found = readers[venue](row) if row.ev != "open" else None
            if found is not None:
                _take(plan, venue, found, row.t - rows[0][1].t)
    plan.steps.sort(key=lambda step: step.offset_ns)
    return plan


def _take(plan: Plan, venue: Venue, found: Recorded, offset_ns: int) -> None:
    market = f"{venue.exchange}.{found.market}"
    if found.rest and found.rest != "snapshot":
        plan.rest[market, found.rest].append(found.payload)
        return
    for key in found.keys:
        if key not in plan.channels:
            plan.channels[key] = Channel(
                key, found.kinds, found.symbol, numbered=found.numbered, snapshots=found.snapshots
            )
    plan.steps.append(Step(offset_ns, market, found.symbol, found.keys, found.payload))
    samples = plan.samples[market, found.symbol] if found.symbol else []
    if len(samples) < _SAMPLES_MAX or not found.keys:
        samples.append(found.payload)


def _rows(path: Path) -> list[tuple[Venue, Row]]:
    """Return a file's rows with their venues, by receive time."""
    try:
        with gzip.open(path, "rb") as file:
            lines = [_line.decode(line) for line in file]
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise ConfigError(f"reading recording {path}: {error}", fix="give a recording (.jsonl.gz)") from error
    urls = {line.conn: line.url for line in lines if line.ev == "open"}
    of_host = {host: venue for venue in venues() for host in venue.hosts}
    found, strangers = [], set()
    for line in sorted(lines, key=lambda line: line.t):
        url = line.url or urls.get(line.conn, "")
        host = urlsplit(url).hostname or ""
        if (venue := of_host.get(host)) is None:
            strangers.add(host)
        else:
            found.append((venue, Row(line.t, line.conn, line.ev, url, line.data.encode())))
    if not found or strangers:
        raise ConfigError(
            f"recording {path.name} is of no venue known here (hosts: {', '.join(sorted(strangers)) or 'none'})",
            fix=f"give a recording of {', '.join(sorted(of_host))}",
        )
    return found
