"""Look at what venues list without recording anything: for plans, and for recordings into a file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import ClassVar, cast

from typing_extensions import override

from cryptoflow.config import Settings
from cryptoflow.errors import BrokerAwayError, ConfigError
from exchanges import Market
from producers import _guard as guard
from producers._addresses import addresses_meant
from producers._ask import orders
from producers._balance import Balance
from producers._choose import NOTHING_FITS_FIX, Selections, choose, nothing_fits
from producers._egress import Egress
from producers._envelope import Envelopes, Lane
from producers._forecast import Forecast, Listed, forecast
from producers._intake import Intake
from producers._ipshards import IpShards
from producers._market import MarketRun
from producers._orders import Orders, ReplicaOrders, count_key
from producers._plan import refuse_rivals
from producers._produce import Recorded
from producers._publisher import Publisher
from schemas import InstrumentDefinition

_ORDERS_S = 5.0

MarketName = tuple[str, str]
"""An exchange and one of its markets."""


@dataclass
class Everything:
    """Want what an expression means, whoever owns it, and keep what it was chosen from."""

    exchange: str
    market: str
    selections: Selections
    listed: Sequence[InstrumentDefinition] = ()
    volumes: Mapping[str, Decimal] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    elsewhere: ClassVar[Collection[str]] = ()

    @property
    def needs_volumes(self) -> bool:
        """Tell whether traded values are needed."""
        return bool(self.selections.of(self.exchange, self.market).top)

    def __call__(self, listed: Sequence[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> list[str]:
        """Return the native symbols to record."""
        self.listed, self.volumes = list(listed), volumes
        chosen = choose(self.selections.of(self.exchange, self.market), listed, volumes)
        self.unknown = chosen.unknown
        return chosen.symbols


class Nowhere(Intake):
    """Publish nothing."""

    def __init__(self) -> None:
        """Need no broker."""
        # Never asked, because nothing is taken.
        super().__init__(Envelopes(1, 1, 0.0, 0.0), cast("Publisher", None), Balance())

    @override
    def take(self, lane: Lane, kind: str, frame: bytes, received_ns: int) -> None:
        """Let the frame go."""
        del lane, kind, frame, received_ns


async def prepare(
    settings: Settings, venues: Sequence[Recorded], selections: Selections, egress: Egress, stack: AsyncExitStack
) -> dict[MarketName, tuple[MarketRun, Everything]]:
    """Ask every market what it lists and choose its symbols; nothing is subscribed.

    Raises ConfigError for what is not recorded by this process, StopError when a venue does not answer.
    """
    overridden = bool(settings.producer.endpoints)
    for venue in venues:
        guard.check_source(settings, venue.exchange, venue.markets, "test" if overridden else guard.LIVE)
    found: dict[MarketName, tuple[MarketRun, Everything]] = {}
    for venue in venues:
        exchange = venue.exchange.name
        for name in venue.markets:
            want = Everything(exchange, name, selections)
            market = MarketRun(settings, exchange, venue.exchange.markets[name], "test", Nowhere(), egress)
            await market.prepare(want, stack)
            found[exchange, name] = market, want
    return found


def read_listed(venues: Sequence[Recorded], bodies: Mapping[MarketName, Sequence[bytes]]) -> dict[MarketName, Listed]:
    """Read what markets list from the bodies of their REST answers. Raises ConfigError for one that is none."""
    found: dict[MarketName, Listed] = {}
    for venue in venues:
        for name in venue.markets:
            pages = bodies.get((venue.exchange.name, name))
            if pages is None:
                continue
            market = venue.exchange.markets[name]
            definitions: list[InstrumentDefinition] = []
            volumes: dict[str, Decimal] = {}
            for body in pages:
                try:
                    definitions += _definitions(market, body)
                except (ValueError, RecursionError) as error:
                    volumes.update(_volumes(market, body, error))
            found[venue.exchange.name, name] = definitions, volumes
    return found


def _definitions(market: Market, body: bytes) -> list[InstrumentDefinition]:
    definitions = [one for one, _ in market.instruments(body)]
    if not definitions:
        raise ValueError("it lists no instrument")
    return definitions


def _volumes(market: Market, body: bytes, error: Exception) -> Mapping[str, Decimal]:
    """Read a body as traded values; raise ConfigError, because of the error it was no list by, when it is neither."""
    if market.volumes is not None:
        try:
            return market.volumes(body)
        except (ValueError, RecursionError):
            pass
    raise ConfigError(
        f"reading instruments of {market.name}: {error}",
        fix="give the body of the venue's own REST answer, one file per page",
    ) from error


async def look(settings: Settings, venues: Sequence[Recorded], selections: Selections) -> dict[MarketName, Listed]:
    """Return what every market lists, and the traded values where an expression needs them."""
    egress = Egress(IpShards(fallback=settings.producer.local_address), settings.producer.address_cool_down_s)
    async with AsyncExitStack() as stack:
        found = await prepare(settings, venues, selections, egress, stack)
        return {key: (want.listed, want.volumes) for key, (_, want) in found.items()}


async def plan(
    settings: Settings,
    venues: Sequence[Recorded],
    selections: Selections,
    bodies: Mapping[MarketName, Sequence[bytes]],
    *,
    one_address: bool = False,
    as_many: bool = False,
) -> Forecast:
    """Foretell what producers will do; only markets whose REST answers are not given are asked, and only that.

    Orders in the control topics count as for a running producer, where the broker answers; `as_many` plans
    `producer.replica_count` replicas whatever was ordered. Raises ConfigError in one line for what could
    not be recorded at all.
    """
    selections.check({venue.exchange.name: venue.markets for venue in venues})
    for venue in venues:
        refuse_rivals(venue.exchange, venue.markets, settings.producer)
    listed = read_listed(venues, bodies)
    missing = [
        Recorded(venue.exchange, tuple(name for name in venue.markets if (venue.exchange.name, name) not in listed))
        for venue in venues
    ]
    shards = await addresses_meant(
        settings.producer, {venue.exchange.name: tuple(venue.exchange.markets) for venue in venues}
    )
    if any(venue.markets for venue in missing):
        listed |= await look(settings, [venue for venue in missing if venue.markets], selections)
    markets = {(venue.exchange.name, name): venue.exchange.markets[name] for venue in venues for name in venue.markets}
    ordered, notes = await _ordered(settings, markets)
    if as_many:
        ordered.replicas = ReplicaOrders()
    own = settings.producer
    found = forecast(own, markets, listed, selections, shards, orders=ordered, one_address=one_address)
    selections.refuse_unknown(found.unknown)
    if not any(share.symbols for share in found.shares):
        raise ConfigError(nothing_fits(listed), fix=NOTHING_FITS_FIX)
    return replace(found, notes=(*notes, *_pinned_in_vain(shards, listed)))


def _pinned_in_vain(shards: IpShards, listed: Mapping[MarketName, Listed]) -> list[str]:
    """Say which pinned symbols no market lists that they are pinned in; those of a market not planned may be right."""
    natives = {where: {one.native_symbol for one in definitions} for where, (definitions, _) in listed.items()}
    pinned: dict[tuple[str, str], list[MarketName]] = {}
    for exchange, market, symbol in shards.pins:
        pinned.setdefault((exchange, symbol), []).append((exchange, market))
    return [
        f"producer.ip_shards_file pins {exchange} {symbol}, which no market lists"
        for (exchange, symbol), places in pinned.items()
        if all(where in natives and symbol not in natives[where] for where in places)
    ]


async def _ordered(settings: Settings, markets: Collection[MarketName]) -> tuple[Orders, tuple[str, ...]]:
    """Return what was ordered, and what is to be said of it; nothing while the broker does not answer."""
    missing = "kafka.bootstrap_servers is not set"
    try:
        found = await asyncio.to_thread(orders, settings, _ORDERS_S) if settings.kafka.bootstrap_servers else None
    except BrokerAwayError as error:
        found, missing = None, str(error)
    if found is None:
        return Orders(), (f"orders of `cryptoflow symbols` and `cryptoflow replicas` are not counted: {missing}",)
    notes = []
    for exchange, market in markets:
        count = found.replicas.counts.get(count_key(settings.producer.feed, exchange, market))
        if count is not None:
            notes.append(f"{count.key}: {count.count} replicas are ordered")
        notes += [f"{one.key}: {one.state} by order" for one in found.symbols.of(exchange, market)]
    return found, tuple(notes)
