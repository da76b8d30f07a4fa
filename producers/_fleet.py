"""Give every stream of a market a connection: at start, and as symbols come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from cryptoflow import clock
from exchanges import Endpoint, Stream
from producers._link import Surroundings
from producers._plan import Carried, fits, infos, spread
from producers._session import Session
from producers._watchdog import StreamInfo

_POLL_S = 0.05


class Fleet:
    """Hold the sessions of one market; `run` serves them, `fit` makes them carry just what is wanted."""

    def __init__(
        self,
        around: Surroundings,
        streams: Sequence[Stream],
        open_session: Callable[[Carried], Session],
        address_of: Callable[[str], str] = lambda _symbol: "",
    ) -> None:
        """Take what to subscribe, how a session is made, and the address a symbol leaves from."""
        self._market = around.market
        self._streams = streams
        self._open_session = open_session
        self._address_of = address_of
        self.sessions: list[Session] = []
        self._tasks: dict[Session, asyncio.Task[None]] = {}

    def fit(self, symbols: Sequence[str], indexes: Mapping[str, str]) -> None:
        """Carry the streams of these symbols and no others.

        What is new goes to a connection with room, or to a further one; one left empty is closed.
        """
        if not self.sessions:
            carried = spread(self._market, self._streams, symbols, indexes, self._address_of)
            self.sessions += [self._open_session(one) for one in carried]
            return
        for endpoint in self._market.endpoints:
            here = [stream for stream in self._streams if stream.endpoint == endpoint.name]
            units = infos(self._market, here, symbols, indexes)
            self._give_up(endpoint, {info.name for unit in units for info in unit})
            held = {info.name for session in self._at(endpoint) for info in session.carried.streams}
            for unit in units:
                if unit[0].name not in held:
                    self._place(endpoint, unit, self._address_of(unit[0].symbol))

    async def settled(self, limit_s: float) -> bool:
        """Wait until nothing comes of streams given up any more; False when it takes longer than the limit."""
        deadline_s = clock.monotonic_s() + limit_s
        while any(session not in self.sessions for session in self._tasks) or any(
            session.is_leaving for session in self.sessions
        ):
            if clock.monotonic_s() > deadline_s:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def resubscribe_book(self, symbol: str) -> bool:
        """Ask for a symbol's book stream again; False when no connection carries it now."""
        return any([session.resubscribe_book(symbol) for session in self.sessions])  # noqa: C419 - each is asked

    async def run(self) -> None:
        """Serve every session until cancelled. Raises what ends one of them unexpectedly."""
        try:
            while True:
                for session in self.sessions:
                    if session not in self._tasks:
                        self._tasks[session] = asyncio.create_task(session.run())
                for session in [one for one in self._tasks if one not in self.sessions]:
                    await self._end(session)
                for task in self._tasks.values():
                    if task.done():
                        task.result()
                await asyncio.sleep(_POLL_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _end(self, session: Session) -> None:
        task = self._tasks[session]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del self._tasks[session]

    def _at(self, endpoint: Endpoint) -> list[Session]:
        return [session for session in self.sessions if session.carried.endpoint.name == endpoint.name]

    def _give_up(self, endpoint: Endpoint, wanted: set[str]) -> None:
        for session in self._at(endpoint):
            leaving = [info for info in session.carried.streams if info.name not in wanted]
            if len(leaving) == len(session.carried.streams):
                self.sessions.remove(session)
            elif leaving:
                session.drop(leaving)

    def _place(self, endpoint: Endpoint, unit: Sequence[StreamInfo], address: str) -> None:
        for session in self._at(endpoint):
            if session.carried.address == address and fits(endpoint, [*session.carried.streams, *unit]):
                session.add(unit)
                return
        self.sessions.append(self._open_session(Carried(endpoint, tuple(unit), address)))
