"""The one way of a frame to the sockets: faults decide, the ledger notes, the hub sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptoflow.simulator.client import Client
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.venues import venue_of

Garble = Callable[[bytes], tuple[bytes, int]]


@dataclass(slots=True)
class Armed:
    """Wait for the next frame of a stream: withhold `left` frames, repeat or spoil one, send one after the next.

    `garble` makes the garbage of a frame, `change` another frame the venue sends in its place. `kept` is the
    frame that waits for the next, and `clients` are who had it before that if it came in its turn.
    """

    fault: str
    left: int = 1
    variant: str = ""
    garble: Garble | None = None
    change: Callable[[bytes], bytes | None] | None = None
    kept: bytes | None = None
    clients: Sequence[Client] = ()


class Outlet:
    """Offer frames of the market to whoever is subscribed.

    `armed` and `held` are set by the fault plan: one-off faults, and streams kept silent by reason.
    """

    def __init__(self, hub: Hub, ledger: Ledger) -> None:
        """Start with no fault armed."""
        self.hub = hub
        self.ledger = ledger
        self.armed: dict[str, Armed] = {}
        self.held: dict[str, bytes] = {}
        self.offered = 0
        self.unsent = 0
        self.counts: Counter[str] = Counter()
        self.streams: Counter[str] = Counter()

    def offer(self, key: str, payload: bytes) -> None:
        """Send one frame, or note why it was not sent. Nobody ever asked for it: nothing happens."""
        if key not in self.hub.asked:
            return
        self.offered += 1
        if self.held and key in self.held:
            self._withhold(self.held[key], key, payload)
            return
        if self.armed and key in self.armed and self.hub.routes.get(key) and not _spared(key, payload):
            self._fault(key, payload)
            return
        label = self.hub.put(key, payload)
        if label:
            self.ledger.sent(label, key, payload)
            self.streams[key] += 1
        else:
            self._withhold(self._reason(key), key, payload)

    def offer_any(self, keys: Sequence[str], payload: bytes) -> None:
        """Send one frame that belongs to several streams, once to whoever has one of them."""
        asked = [key for key in keys if key in self.hub.asked]
        if len(asked) == 1:
            self.offer(asked[0], payload)
            return
        if not asked:
            return
        self.offered += 1
        label = self.hub.put_any(asked, payload)
        if label:
            self.ledger.sent(label, asked[0], payload)
            self.streams.update(asked)
        else:
            self._withhold(self._reason(asked[0]), asked[0], payload)

    def _reason(self, key: str) -> bytes:
        if clients := self.hub.routes.get(key):
            return b"half_open" if any(client.half_open for client in clients) else b"slow"
        return self.hub.why.get(key, b"down")

    def _withhold(self, reason: bytes, key: str, payload: bytes) -> None:
        self.ledger.withheld(reason, key, payload)
        self.counts["withheld"] += 1
        if reason == b"down":
            self.unsent += 1

    def _fault(self, key: str, payload: bytes) -> None:
        armed = self.armed[key]
        armed.left -= 1
        if armed.left <= 0:
            del self.armed[key]
        if armed.fault == "gap":
            self.hub.skip(key)
            self._withhold(b"gap", key, payload)
        elif armed.garble is not None:
            label, sent = self.hub.spoil(key, armed.garble, payload)
            self.ledger.garbage(label, key, armed.variant, payload, sent)
            self.counts["garbage"] += 1
        elif armed.change is not None:
            self._change(key, armed, payload)
        elif armed.fault == "reorder":
            self._reorder(key, armed, payload)
        else:
            self.ledger.sent(self.hub.put(key, payload), key, payload)
            self.ledger.repeated(self.hub.repeat(key), key, payload)
            self.streams[key] += 1
            self.counts["duplicates"] += 1

    def _change(self, key: str, armed: Armed, payload: bytes) -> None:
        """Send what the fault makes of the frame; a frame it cannot change goes as it is and it waits on."""
        changed = armed.change(payload) if armed.change else None
        if changed is None:
            self.armed[key] = armed
        self.ledger.sent(self.hub.put(key, changed or payload), key, changed or payload)
        self.streams[key] += 1
        if changed is not None:
            self.ledger.event("broken", stream=key, why=armed.fault)

    def _reorder(self, key: str, armed: Armed, payload: bytes) -> None:
        """Keep a frame until the next has been sent; who has subscribed meanwhile had it from the beginning."""
        clients = list(self.hub.routes[key])
        if armed.kept is None:
            armed.kept, armed.clients = payload, clients
            return
        if clients != armed.clients:
            self._withhold(b"down", key, armed.kept)
        self.ledger.sent(self.hub.put(key, payload), key, payload)
        self.streams[key] += 1
        if clients == armed.clients:
            self.ledger.event("broken", stream=key, why="reorder")
            self.ledger.sent(self.hub.put(key, armed.kept), key, armed.kept)
            self.streams[key] += 1

    async def flush(self) -> int:
        """Write the ledger, then the sockets; return how many frames found nobody since the last call."""
        self.ledger.flush()
        await self.hub.flush()
        self.ledger.stamp()
        unsent, self.unsent = self.unsent, 0
        return unsent


def _spared(key: str, payload: bytes) -> bool:
    return venue_of(key.partition(" ")[0]).spares(payload)
