"""Recordings of real sessions: what they hold, read in the order of their receive times."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptoflow import registry
from cryptoflow.errors import ConfigError
from cryptoflow.simulator._choice import chosen_streams
from cryptoflow.simulator._rows import read_rows
from cryptoflow.simulator.venues import venue_of
from cryptoflow.simulator.venues._values import Channel, Listing, Recorded, RestAsk, Row
from cryptoflow.simulator.venues._venue import Venue
from exchanges import Exchange, Market

SNAPSHOT = "snapshot"
_SAMPLES_MAX = 3
_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a replay: a frame of streams, or a book answer (`keys` empty).

    `whole` says that a book begins anew here, `sound` that its recorded frames from there on lack none.
    `jump` is how far the connection's own number jumped here: so many frames before it were not
    recorded; negative when it came late.
    """

    offset_ns: int
    market: str
    symbol: str
    keys: tuple[str, ...]
    payload: bytes
    whole: bool = False
    sound: bool = False
    jump: int = 0


@dataclass
class Plan:
    """Say what a demo subscribes to replay recordings, and what the replay consists of.

    Markets are `<exchange>.<market>`; `rest` holds recorded bodies by (market, kind), `received_ns` the
    first receive time of each file by exchange, or when the venue spoke as the frames do.
    `left_out` counts the rows that are not replayed, by exchange and name of their stream: what no
    producer subscribes, and further channels of a symbol's books and trades. Answers and heartbeats are
    no such rows: the venues here make their own.
    """

    channels: dict[str, Channel] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    rest: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    samples: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    received_ns: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    left_out: Counter[str] = field(default_factory=Counter)

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
        return [self.listing(market, symbol) for symbol in self.symbols(market)]

    def listing(self, market: str, symbol: str) -> Listing:
        """Return the definition of one. Raises ValueError for a name that is not spelled as the venue's are."""
        samples = self.samples.get((market, symbol), ())
        return venue_of(market).recorded_listing(market.partition(".")[2], symbol, samples)

    @property
    def has_later_books(self) -> bool:
        """Tell whether a book was asked for more than once over REST."""
        asked = Counter((step.market, step.symbol) for step in self.steps if not step.keys)
        return any(count > 1 for count in asked.values())

    @property
    def omissions(self) -> str:
        """Say in one line what is not replayed, "" for nothing."""
        rows = self.left_out.total()
        return f"{rows:,} recorded rows are not replayed: {self.most_left_out}" if rows else ""

    @property
    def most_left_out(self) -> str:
        """Name the streams with most rows left out."""
        most = [f"{name} ({count:,})" for name, count in self.left_out.most_common(_SHOWN_MAX)]
        more = f" and {len(self.left_out) - _SHOWN_MAX} more" if len(self.left_out) > _SHOWN_MAX else ""
        return f"{', '.join(most)}{more}"


def _symbols(plan: Plan) -> Iterator[tuple[str, str]]:
    for channel in plan.channels.values():
        if channel.symbol:
            yield channel.key.partition(" ")[0], channel.symbol
    yield from plan.samples


def plan_recording(paths: Sequence[Path]) -> Plan:
    """Read recordings of any venue; several are laid side by side, each from its own start.

    Raises ConfigError for a file that cannot be read, that no simulated venue recorded, or that holds
    nothing a producer can subscribe.
    """
    plan = Plan()
    for path in paths:
        _read(plan, path)
    plan.steps.sort(key=lambda step: step.offset_ns)
    exchanges: dict[str, Exchange] = registry.load("exchanges", "EXCHANGE")
    for market in plan.markets:
        _choose(plan, market, exchanges)
    if not plan.channels:
        raise ConfigError(
            f"recording {', '.join(path.name for path in paths)} holds no stream of ours"
            f"{'; ' if plan.left_out else ''}{plan.omissions}",
            fix="give a recording of trades, quotes, books, funding or liquidations",
        )
    return plan


def _read(plan: Plan, path: Path) -> None:
    rows = read_rows(path)
    plan.left_out += rows.left_out
    by_venue: dict[Venue, list[Row]] = defaultdict(list)
    for venue, row in rows.found:
        by_venue[venue].append(row)
    readers = {venue: venue.reader(own) for venue, own in by_venue.items()}
    heard: dict[Venue, int] = {}
    frames: dict[Venue, list[bytes]] = defaultdict(list)
    chains = _Chains()
    for venue, row in rows.found:
        heard.setdefault(venue, row.t)
        found = readers[venue](row) if row.ev != "open" else None
        if found is not None:
            frames[venue] += [found.payload] if found.keys else []
            _take(plan, venue, found, row.t - rows.found[0][1].t, chains)
        elif row.ev in {"recv", "rest"} and (name := venue.unused(row)):
            plan.left_out[f"{venue.exchange} {name}"] += 1
    for venue, received_ns in heard.items():
        plan.received_ns[venue.exchange].append(venue.spoken_ns(received_ns, frames[venue]))


class _Chains:
    """Follow what the recorded books prove of themselves."""

    def __init__(self) -> None:
        """Start knowing no book."""
        self._sound: dict[str, bool] = {}
        self._at: dict[str, int] = {}
        self._last: dict[str, bytes] = {}

    def is_repeat(self, found: Recorded) -> bool:
        """Tell whether an update of a book without ids was recorded twice: nobody could tell it later."""
        if not found.snapshots or found.at is not None or not found.keys:
            return False
        before, self._last[found.keys[0]] = self._last.get(found.keys[0]), found.payload
        return before == found.payload and not found.whole

    def follow(self, market: str, found: Recorded) -> bool:
        """Take a frame and tell whether its book lacks none up to here."""
        if found.jump > 0:
            self._sound = {key: sound and not key.startswith(market + " ") for key, sound in self._sound.items()}
        for key in found.keys:
            if found.whole:
                self._sound[key] = True
            elif found.follows is not None and found.follows != self._at.get(key, found.follows):
                # A frame recorded twice breaks nothing.
                self._sound[key] = self._sound.get(key, False) and found.at == self._at[key]
            if found.at is not None:
                self._at[key] = found.at
        return all(self._sound.get(key, False) for key in found.keys)


def _take(plan: Plan, venue: Venue, found: Recorded, offset_ns: int, chains: _Chains) -> None:
    market = f"{venue.exchange}.{found.market}"
    if found.rest and found.rest != SNAPSHOT:
        plan.rest[market, found.rest].append(found.payload)
        return
    for key in found.keys:
        if key not in plan.channels:
            plan.channels[key] = Channel(
                key, found.kinds, found.symbol, numbered=found.numbered, snapshots=found.snapshots
            )
    if chains.is_repeat(found):
        plan.left_out[f"{found.keys[0]}, recorded twice"] += 1
        return
    sound = chains.follow(market, found)
    plan.steps.append(Step(offset_ns, market, found.symbol, found.keys, found.payload, found.whole, sound, found.jump))
    samples = plan.samples[market, found.symbol] if found.symbol else []
    if len(samples) < _SAMPLES_MAX or not found.keys or found.whole:
        samples.append(found.payload)


class _World:
    """Show a venue what was recorded of its instruments, or one that was guessed."""

    replaying = True
    now_ms = 0

    def __init__(self, listings: Sequence[Listing], bodies: Sequence[bytes]) -> None:
        self._listings, self._bodies = listings, bodies

    def listings(self, market: str) -> Sequence[Listing]:
        del market
        return self._listings

    def recorded(self, market: str, kind: str) -> Sequence[bytes]:
        del market, kind
        return self._bodies

    def knows(self, key: str) -> bool:
        del key
        return True

    def voice(self, market: str, symbol: str) -> None:
        del market, symbol


def _listed(plan: Plan, market: str, spoken: Market) -> list[str]:
    """Return the symbols whose definition, recorded or guessed, the market can read; of others nothing is recorded."""
    venue, ask = venue_of(market), RestAsk("instruments", market.partition(".")[2])

    def read(listings: Sequence[Listing], bodies: Sequence[bytes]) -> set[str]:
        body = venue.rest_body(ask, _World(listings, bodies))
        return {one.native_symbol for one, _ in spoken.instruments(body)} if isinstance(body, bytes) else set()

    listings = []
    for symbol in plan.symbols(market):
        with contextlib.suppress(ValueError):  # no venue spells a symbol so
            listings.append(plan.listing(market, symbol))
    known = read(listings, plan.rest.get((market, ask.kind), ()))
    return [one.symbol for one in listings if one.symbol in known or one.symbol in read([one], ())]


def _choose(plan: Plan, market: str, exchanges: Mapping[str, Exchange]) -> None:
    """Leave out what the market's producer does not subscribe beside the rest; count it."""
    exchange, _, name = market.partition(".")
    if exchange not in exchanges or name not in exchanges[exchange].markets:
        return  # whoever subscribes says so
    spoken = exchanges[exchange].markets[name].at(plan.received_ns[exchange][0])
    kept = {f"{market} {one}" for one in chosen_streams(spoken, _listed(plan, market, spoken), plan.streams(market))}
    gone = {key for key in plan.channels if key.partition(" ")[0] == market} - kept
    books = {channel.symbol for key, channel in plan.channels.items() if key in kept and channel.is_book}
    steps = []
    for step in plan.steps:
        if step.market == market and not step.keys and step.symbol not in books:
            plan.left_out[f"{market} {SNAPSHOT} of {step.symbol}"] += 1
        elif step.market != market or gone.isdisjoint(step.keys):
            steps.append(step)
        elif keys := tuple(key for key in step.keys if key not in gone):
            steps.append(replace(step, keys=keys))
        else:
            plan.left_out[step.keys[0]] += 1
    plan.steps = steps
    plan.channels = {key: channel for key, channel in plan.channels.items() if key not in gone}
    served = {channel.symbol for key, channel in plan.channels.items() if key in kept}
    plan.samples = defaultdict(
        list, {place: found for place, found in plan.samples.items() if place[0] != market or place[1] in served}
    )
