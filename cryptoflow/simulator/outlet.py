"""The one way of a frame to the sockets: faults decide, the ledger notes, the hub sends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cryptoflow.simulator._garbage import spoil
from cryptoflow.simulator._wire import TEXT
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.ledger import Ledger


@dataclass(slots=True)
class Armed:
    """Wait for the next frame of a stream: withhold `left` frames, repeat or spoil one."""

    fault: str
    left: int = 1
    variant: str = ""


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

    def offer(self, stream: str, payload: bytes) -> None:
        """Send one frame, or note why it was not sent. Nobody ever asked for it: nothing happens."""
        if stream not in self.hub.asked:
            return
        self.offered += 1
        if self.held and stream in self.held:
            self._withhold(self.held[stream], payload)
            return
        if self.armed and stream in self.armed and self.hub.routes.get(stream):
            self._fault(stream, payload)
            return
        label = self.hub.put(stream, payload)
        if label:
            self.ledger.sent(label, payload)
            self.streams[stream] += 1
        else:
            self._withhold(self.hub.why.get(stream, b"down"), payload)

    def _withhold(self, reason: bytes, payload: bytes) -> None:
        self.ledger.withheld(reason, payload)
        self.counts["withheld"] += 1
        if reason == b"down":
            self.unsent += 1

    def _fault(self, stream: str, payload: bytes) -> None:
        armed = self.armed[stream]
        armed.left -= 1
        if armed.left <= 0:
            del self.armed[stream]
        if armed.fault == "gap":
            self._withhold(b"gap", payload)
            return
        if armed.fault == "garbage":
            garbage, opcode = spoil(payload, armed.variant)
            label = self.hub.put(stream, garbage, opcode)
            self.ledger.garbage(label, armed.variant, payload, garbage)
            self.counts["garbage"] += 1
            return
        label = self.hub.put(stream, payload)
        self.ledger.sent(label, payload)
        self.ledger.repeated(self.hub.put(stream, payload, TEXT), payload)
        self.streams[stream] += 1
        self.counts["duplicates"] += 1

    async def flush(self) -> int:
        """Write the ledger, then the sockets; return how many frames found nobody since the last call."""
        self.ledger.flush()
        await self.hub.flush()
        self.ledger.stamp()
        unsent, self.unsent = self.unsent, 0
        return unsent
