"""Fetch a market's instrument definitions, write those of our symbols, and tell what came and went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cryptoflow import clock, events
from cryptoflow.errors import ConfigError, StopError, UnreachableError
from exchanges import Market, RestRequest
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import INSTRUMENT
from producers._rest import Door, RestError
from schemas import InstrumentDefinition

START_LIMIT_S = 60.0
PAGES_MAX = 200
"""Pages read of one list; a venue that leads in a circle is refused."""
_RETRY_S = 60.0
_AWAY = "check the network and that the venue is reachable"


@dataclass(frozen=True, slots=True)
class Changes:
    """Say which native symbols began to trade, ended, or go on under another name (old, new)."""

    listed: tuple[str, ...] = ()
    delisted: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything changed."""
        return bool(self.listed or self.delisted or self.renamed)


def compare(before: Mapping[str, InstrumentDefinition], after: Mapping[str, InstrumentDefinition]) -> Changes:
    """Compare two looks at a market.

    A native symbol that ended while another with its canonical name began was renamed; so was one whose
    canonical name changed, which stands there as (native, native).
    """
    traded = {name for name, one in before.items() if one.is_trading}
    trades = {name for name, one in after.items() if one.is_trading}
    began = {after[name].symbol: name for name in after if name in trades - traded}
    renamed = [
        (name, began[before[name].symbol])
        for name in before
        if name in traded - trades and before[name].symbol in began
    ]
    renamed += [(name, name) for name in after if name in before and before[name].symbol != after[name].symbol]
    moved = {name for pair in renamed for name in pair}
    return Changes(
        listed=tuple(name for name in after if name in trades - traded - moved),
        delisted=tuple(name for name in before if name in traded - trades - moved),
        renamed=tuple(renamed),
    )


class Instruments:
    """Know the definitions of one market."""

    def __init__(self, market: Market, rest: Door) -> None:
        """Know nothing yet."""
        self._market = market
        self._rest = rest
        self._known: dict[str, tuple[InstrumentDefinition, bytes]] = {}
        self._written: dict[str, bytes] = {}

    @property
    def definitions(self) -> list[InstrumentDefinition]:
        """Return what was fetched last."""
        return [definition for definition, _ in self._known.values()]

    @property
    def by_name(self) -> dict[str, InstrumentDefinition]:
        """Return what was fetched last, by native symbol."""
        return {name: definition for name, (definition, _) in self._known.items()}

    async def start(self) -> None:
        """Fetch until it succeeds. Raises UnreachableError when the venue does not answer in time."""
        deadline = clock.monotonic_s() + START_LIMIT_S
        while True:
            try:
                await self.refresh()
            except RestError as error:
                if clock.monotonic_s() + error.wait_s > deadline:
                    raise UnreachableError(error.text, fix=_AWAY) from error
                await asyncio.sleep(error.wait_s)
            else:
                return

    async def volumes(self) -> Mapping[str, Decimal]:
        """Fetch the traded value of each symbol.

        Raises ConfigError where the venue tells none, UnreachableError when it is away, StopError for no list.
        """
        request, read = self._market.volumes_request, self._market.volumes
        if request is None or read is None:
            raise ConfigError(
                f"choosing symbols of {self._market.name}: top= needs traded values, which this venue does not tell",
                fix="list the symbols, or filter by base=, quote=, settle= or kind=",
            )
        deadline = clock.monotonic_s() + START_LIMIT_S
        while True:
            try:
                return read(await (await self._rest.room(request.weight)).get(request))
            except RestError as error:
                if clock.monotonic_s() + error.wait_s > deadline:
                    raise UnreachableError(error.text, fix=_AWAY) from error
                await asyncio.sleep(error.wait_s)
            except (ValueError, RecursionError) as error:
                raise StopError(
                    f"reading {request.path} of {self._rest.host}: {error}", fix="list the symbols"
                ) from error

    def write(self, lanes: Mapping[str, Lane], intake: Intake) -> None:
        """Write the definitions of these lanes that changed since they were last written."""
        for name, (_, raw) in self._known.items():
            lane = lanes.get(name)
            if lane is not None and self._written.get(name) != raw:
                self._written[name] = raw
                intake.own(lane, INSTRUMENT, raw)

    def write_last(self, lane: Lane, intake: Intake) -> None:
        """Write the definition of a symbol that ends; the last one known where the venue lists it no more."""
        _, raw = self._known.get(lane.symbol, (None, self._written.get(lane.symbol, b"")))
        written = self._written.pop(lane.symbol, None)
        if raw and (raw != written or lane.symbol not in self._known):
            intake.own(lane, INSTRUMENT, raw)

    def forget(self, symbol: str) -> None:
        """Write a symbol's definition again at the next look: the last one could not be kept."""
        self._written.pop(symbol, None)

    async def run(
        self,
        lanes: Mapping[str, Lane],
        intake: Intake,
        interval_s: float,
        on_changes: Callable[[Changes], Awaitable[None]],
    ) -> None:
        """Look for changes on a schedule until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                changes = await self.refresh()
            except RestError as error:
                wait_s = max(error.wait_s, _RETRY_S)
                path = self._market.instruments_requests[0].path
                events.RestFailed(host=self._rest.host, path=path, detail=error.text, wait_s=wait_s).emit()
                await asyncio.sleep(wait_s)
            else:
                if changes:
                    await on_changes(changes)
                self.write(lanes, intake)

    async def refresh(self) -> Changes:
        """Fetch every page and return what changed since the last look. Raises RestError and keeps what is known."""
        found: dict[str, tuple[InstrumentDefinition, bytes]] = {}
        for first in self._market.instruments_requests:
            request: RestRequest | None = first
            pages = 0
            while request is not None:
                pages += 1
                if pages > PAGES_MAX:
                    raise RestError(f"reading {request.path} of {self._rest.host}: more than {PAGES_MAX} pages", 60.0)
                rest = await self._rest.room(request.weight)
                body = await rest.get(request)
                try:
                    for definition, raw in self._market.instruments(body):
                        found[definition.native_symbol] = definition, raw
                    request = self._market.next_page(request, body)
                except (ValueError, RecursionError) as error:
                    raise RestError(f"reading {first.path} of {self._rest.host}: {error}", 5.0) from error
        before = self.by_name
        self._known = found
        return compare(before, self.by_name)
