"""Fetch a market's instrument definitions; write those of our symbols at start and when they change."""

from __future__ import annotations

import asyncio

from cryptoflow import clock, events
from cryptoflow.errors import StopError
from exchanges import Market
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import INSTRUMENT
from producers._rest import Rest, RestError
from schemas import InstrumentDefinition

START_LIMIT_S = 60.0
_RETRY_S = 60.0


class Instruments:
    """Know the definitions of one market."""

    def __init__(self, market: Market, rest: Rest) -> None:
        """Know nothing yet."""
        self._market = market
        self._rest = rest
        self._definitions: list[tuple[InstrumentDefinition, bytes]] = []
        self._written: dict[str, bytes] = {}

    @property
    def definitions(self) -> list[InstrumentDefinition]:
        """Return what was fetched last."""
        return [definition for definition, _ in self._definitions]

    async def start(self) -> None:
        """Fetch until it succeeds. Raises StopError when the venue does not answer in time."""
        deadline = clock.monotonic_s() + START_LIMIT_S
        while True:
            try:
                await self._fetch()
            except RestError as error:
                if clock.monotonic_s() + error.wait_s > deadline:
                    raise StopError(error.text, fix="check the network and that the venue is reachable") from error
                await asyncio.sleep(error.wait_s)
            else:
                return

    def write(self, lanes: dict[str, Lane], intake: Intake) -> None:
        """Write the definitions of these lanes that changed since they were last written."""
        for definition, raw in self._definitions:
            lane = lanes.get(definition.native_symbol)
            if lane is not None and self._written.get(definition.native_symbol) != raw:
                self._written[definition.native_symbol] = raw
                intake.own(lane, INSTRUMENT, raw)

    def forget(self, symbol: str) -> None:
        """Write a symbol's definition again at the next look: the last one could not be kept."""
        self._written.pop(symbol, None)

    async def run(self, lanes: dict[str, Lane], intake: Intake, interval_s: float) -> None:
        """Look for changes on a schedule until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self._fetch()
            except RestError as error:
                wait_s = max(error.wait_s, _RETRY_S)
                path = self._market.instruments_requests[0].path
                events.RestFailed(host=self._rest.host, path=path, detail=error.text, wait_s=wait_s).emit()
                await asyncio.sleep(wait_s)
            else:
                self.write(lanes, intake)

    async def _fetch(self) -> None:
        request = self._market.instruments_requests[0]
        await self._rest.room(request.weight)
        body = await self._rest.get(request)
        try:
            self._definitions = self._market.instruments(body)
        except (ValueError, RecursionError) as error:
            raise RestError(f"reading {request.path} of {self._rest.host}: {error}", 5.0) from error
