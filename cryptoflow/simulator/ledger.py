"""The ledger: every frame handed to a socket, every frame kept back, and why. Append-only lines.

    S <connections> <ns> <market> <payload>   sent to the connections named, 3 or 3,7
    D <connections> <ns> <market> <payload>   the same frame once more (a duplicate on purpose)
    W <reason> <ns> <market> <payload>        made and kept back: gap, silence, ack_silent, down, half_open, ...
    G <connections> <ns> <market> <json>      garbage sent in place of a frame; the JSON has both
    J 0 <ns> - <json>                         everything else: connections, subscriptions, faults, REST

A market is `<exchange>.<market>`. A connection that numbers its frames is written with the frame's
number, 3#17. A line is written before its bytes go to the socket, so nothing is ever sent that is not
here. A frame on a connection that died may not have arrived.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec

from cryptoflow import clock

LEDGER_DIR = "ledger"


class Ledger:
    """Append lines; `flush` hands them to the file system. One file per start of the simulator."""

    def __init__(self, data_dir: Path) -> None:
        """Create the file, named by its start time."""
        folder = data_dir / LEDGER_DIR
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"ledger-{clock.now_ns()}.log"
        self._file = self.path.open("ab", buffering=0)
        self._lines: list[bytes] = []
        self._markets: dict[str, bytes] = {}
        self.stamp()

    def stamp(self) -> None:
        """Take the time for the lines that follow, until the next call."""
        self._now = b"%d" % clock.now_ns()

    def sent(self, connections: bytes, key: str, payload: bytes) -> None:
        """Note a frame handed to sockets."""
        self._lines.append(b"S %b %b %b %b\n" % (connections, self._now, self._market(key), payload))

    def repeated(self, connections: bytes, key: str, payload: bytes) -> None:
        """Note a frame handed to sockets a second time on purpose."""
        self._lines.append(b"D %b %b %b %b\n" % (connections, self._now, self._market(key), payload))

    def withheld(self, reason: bytes, key: str, payload: bytes) -> None:
        """Note a frame that was made and not sent."""
        self._lines.append(b"W %b %b %b %b\n" % (reason, self._now, self._market(key), payload))

    def garbage(self, connections: bytes, key: str, variant: str, payload: bytes, sent: bytes) -> None:
        """Note garbage sent in place of a frame."""
        told = {"variant": variant, "frame": payload.decode(), "sent_b64": base64.b64encode(sent).decode()}
        line = msgspec.json.encode(told)
        self._lines.append(b"G %b %b %b %b\n" % (connections, self._now, self._market(key), line))

    def event(self, name: str, **told: Any) -> None:
        """Note anything else and flush."""
        line = msgspec.json.encode({"ev": name, **told})
        self._lines.append(b"J 0 %d - %b\n" % (clock.now_ns(), line))
        self.flush()

    def _market(self, key: str) -> bytes:
        market = self._markets.get(key)
        if market is None:
            market = self._markets[key] = key.partition(" ")[0].encode()
        return market

    def flush(self) -> None:
        """Hand all lines to the operating system."""
        if self._lines:
            self._file.write(b"".join(self._lines))
            self._lines.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._file.close()
