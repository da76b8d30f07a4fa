"""Take the frames of one connection: stamp, route, check, encode, count. The hot path."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable

from cryptoflow import clock
from exchanges import Market, Routed
from producers._balance import CONTROL, UNROUTED, CountKey
from producers._envelope import Lane
from producers._intake import Intake
from producers._router import is_json, routed_or_unrouted
from producers._watchdog import Watchdog
from schemas import encode_frame

LANES_CACHE_MAX = 8192
"""Symbols whose lane is remembered; a venue may name any number of them."""


class Receiver:
    """Number and publish the frames of one connection.

    While `hold` is on (a replacement that overlaps its predecessor) frames wait in order, at most
    `hold_max_frames`, so that no symbol sees two connections interleaved.
    """

    def __init__(
        self,
        market: Market,
        lane_of: Callable[[str], Lane],
        intake: Intake,
        watchdog: Watchdog,
        on_book: Callable[[str, bytes], None],
        on_control: Callable[[bytes], None],
    ) -> None:
        """Draw the connection's uuid; it is the `c` of its frames."""
        self.conn = str(uuid.uuid4())
        self._route = market.route
        self._lane_of = lane_of
        self._lanes: dict[str, Lane] = {}
        self._keys: dict[str, CountKey] = {}
        self._intake = intake
        self._received = intake.balance.received
        self._watchdog = watchdog
        self._on_book = on_book
        self._on_control = on_control
        self._held: deque[tuple[Lane, str, bytes, int, str, bytes]] | None = None
        self._number = 0
        self.last_ns = 0

    @property
    def frames(self) -> int:
        """Count the frames received."""
        return self._number

    @property
    def held(self) -> int:
        """Count the frames held back."""
        return 0 if self._held is None else len(self._held)

    def hold(self) -> None:
        """Keep frames back from now on."""
        self._held = deque()

    def release(self) -> None:
        """Publish what was held back, in order, and hold no more."""
        held, self._held = self._held, None
        for lane, kind, frame, received_ns, symbol, raw in held or ():
            self._publish(lane, kind, frame, received_ns, symbol, raw)

    def take(self, raw: bytes) -> None:
        """Take one frame: it is published or held from here on, whatever it contains."""
        received_ns = self.last_ns = clock.now_ns()
        self._number += 1
        routed: Routed = routed_or_unrouted(self._route, raw)
        kind = routed.kind
        symbol = routed.symbol
        lane = self._lanes.get(symbol)
        if lane is None:
            lane = self._lane_of(symbol)
            if len(self._lanes) < LANES_CACHE_MAX:
                self._lanes[symbol] = lane
        # An unrouted frame is told apart by our counts; in the log it is a control frame nobody can read.
        named = CONTROL if kind == UNROUTED else kind
        frame = encode_frame(self.conn, self._number, received_ns, named, raw, valid_json=is_json(raw))
        key = self._keys.get(kind)
        if key is None:
            key = self._keys[kind] = lane.count_key(kind)
        self._received[key] += 1
        if kind == CONTROL:
            self._on_control(raw)
        elif routed.stream:
            self._watchdog.heard(routed.stream, received_ns)
        if self._held is not None:
            self._held.append((lane, kind, frame, received_ns, symbol, raw))
        else:
            self._publish(lane, kind, frame, received_ns, symbol, raw)

    def _publish(self, lane: Lane, kind: str, frame: bytes, received_ns: int, symbol: str, raw: bytes) -> None:
        self._intake.take(lane, kind, frame, received_ns)
        if kind == "book":
            self._on_book(symbol, raw)
