"""A desk for the sessions of simulated Kraken: what exists, what is refused, what is subscribed.

It cannot imitate: sockets, limits that the engine keeps, and the order of frames of several connections.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptoflow.simulator.venues._values import Action, Limits, Listing, Send, Start, Stop
from cryptoflow.simulator.venues._venue import Session


class KrakenWorld:
    """Show a run in which only named streams exist."""

    replaying = False
    now_ms = 1_790_000_000_123

    def __init__(self, listings: Sequence[Listing] = (), recorded: Sequence[bytes] = ()) -> None:
        """Take what is listed and what was recorded."""
        self._listings, self._recorded = listings, recorded

    def listings(self, market: str) -> Sequence[Listing]:
        """Return the same instruments for every market."""
        del market
        return self._listings

    def recorded(self, market: str, kind: str) -> Sequence[bytes]:
        """Return the recorded bodies of instruments."""
        del market
        return self._recorded if kind == "instruments" else ()


class KrakenDesk:
    """Keep the subscriptions of one session by its own actions."""

    number = 7
    limits = Limits()

    def __init__(self, *, unknown: Sequence[str] = (), refused: Sequence[str] = ()) -> None:
        """Take the keys that do not exist and those refused once."""
        self.world = KrakenWorld()
        self._unknown, self._refused = set(unknown), set(refused)
        self._streams: dict[str, None] = {}

    def knows(self, key: str) -> bool:
        """Tell whether a stream exists."""
        return key not in self._unknown

    def refuses(self, key: str) -> bool:
        """Tell, once, that a stream is refused."""
        if key in self._refused:
            self._refused.discard(key)
            return True
        return False

    def streams(self) -> Sequence[str]:
        """Return what is subscribed."""
        return tuple(self._streams)

    def now_s(self) -> float:
        """Return no time at all."""
        return 0.0

    def ask(self, session: Session, text: str) -> list[str]:
        """Return what a session answers: texts, and `start key` or `stop key`."""
        return [self._done(action) for action in session.on_text(text)]

    def _done(self, action: Action) -> str:
        if isinstance(action, Send):
            return action.payload.decode()
        if isinstance(action, Start):
            self._streams[action.key] = None
            return f"start {action.key}"
        if isinstance(action, Stop):
            self._streams.pop(action.key, None)
            return f"stop {action.key}"
        return f"cut {action.reason}"
