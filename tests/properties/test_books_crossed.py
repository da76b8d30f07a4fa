"""Books of the Coinbase Exchange feed while updates are lost: none is called valid and crossed (PROTOCOLS 6.1.5).

Nothing on the wire counts these updates, so a lost one shows when the book crosses. What leaves the
agents is read as a consumer reads it: rows of md.book in order, a gap ends the book, a snapshot begins it.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents._core import PartitionCore
from cryptoflow.clock import from_iso
from exchanges import Exchange
from exchanges.coinbase import EXCHANGE, FEED
from schemas import encode_frame, encode_raw
from tests.doubles.raw_frames import Record, rows

RECEIVED_NS = from_iso("2026-11-20")
PRICES = 12
LIMITS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
META: dict[str, str | int] = {"reason": "subscribe", "stream": "level2_batch:A-B"}
Wire = tuple[str, bytes]


class Venue:
    """Keep a book whose best bid stays below its best ask but in an auction, and tell its changes."""

    def __init__(self, draw: random.Random) -> None:
        """Start with one level a side."""
        self.draw = draw
        self.sides: dict[str, set[int]] = {"buy": {3}, "sell": {8}}
        self.auction = False

    def snapshot(self) -> Wire:
        """Tell the whole book."""
        told = {name: [[str(price), "1"] for price in self.sides[side]] for side, name in _NAMES.items()}
        return "book_snapshot", msgspec.json.encode({"type": "snapshot", "product_id": "A-B", **told})

    def update(self) -> Wire:
        """Change up to three levels, in any order; what they cross is taken out in the same frame."""
        changes: list[tuple[str, str, str]] = []
        for _ in range(self.draw.randint(1, 3)):
            side = self.draw.choice(("buy", "sell"))
            price, present = self.draw.randrange(PRICES), self.draw.random() < 0.7
            changes.append((side, str(price), "1" if present else "0"))
            (self.sides[side].add if present else self.sides[side].discard)(price)
            for crossed in [] if self.auction or not present else self._crossed(side, price):
                other = "sell" if side == "buy" else "buy"
                self.sides[other].discard(crossed)
                changes.append((other, str(crossed), "0"))
        return "book", msgspec.json.encode({"type": "l2update", "product_id": "A-B", "changes": changes})

    def end_auction(self) -> Wire:
        """Match what crosses."""
        self.auction = False
        changes = [
            ("buy", str(price), "0") for price in self.sides["buy"] if price >= min(self.sides["sell"], default=99)
        ]
        self.sides["buy"] -= {int(price) for _, price, _ in changes}
        return "book", msgspec.json.encode({"type": "l2update", "product_id": "A-B", "changes": changes})

    def _crossed(self, side: str, price: int) -> list[int]:
        if side == "buy":
            return [one for one in self.sides["sell"] if one <= price]
        return [one for one in self.sides["buy"] if one >= price]


_NAMES = {"buy": "bids", "sell": "asks"}


def log_of(seed: int, count: int, lost: float, auctions: float) -> list[Record]:
    """Let a venue change, losing some updates; snapshots come now and then, as if asked for."""
    draw = random.Random(seed)
    venue = Venue(draw)
    wire = [venue.snapshot()]
    for _ in range(count):
        if draw.random() < auctions:
            wire += [venue.end_auction()] if venue.auction else []
            venue.auction = draw.random() < 0.5
        told = venue.snapshot() if draw.random() < 0.08 else venue.update()
        if told[0] != "book" or draw.random() >= lost:
            wire.append(told)
    frames = [
        encode_frame("c", number, RECEIVED_NS + number, kind, raw, meta=META if kind == "book_snapshot" else None)
        for number, (kind, raw) in enumerate(wire)
    ]
    records: list[Record] = []
    while frames:
        size = draw.randint(1, 6)
        value = encode_raw("coinbase", "exchange", "A-B", "test", frames[:size])
        records.append((len(records), b"coinbase.exchange.A-B", value))
        del frames[:size]
    return records


def served(records: Sequence[Record], cut: int, exchange: Exchange = EXCHANGE) -> tuple[int, int]:
    """Follow md.book; return how often a valid book was crossed that had not been since its snapshot, and the gaps."""
    core = PartitionCore({"coinbase": exchange}, "raw.coinbase", 0)
    outputs = [core.process(records[start : start + cut]) for start in range(0, len(records), cut)]
    sides: dict[str, set[Decimal]] = {"bid": set(), "ask": set()}
    valid = given = False
    crossed = 0
    for _, own in groupby(rows(outputs, "md.book"), lambda row: row["frame_no"]):
        frame: list[dict[str, Any]] = list(own)
        valid = valid and frame[0]["kind"] != "gap"
        levels = [row for row in frame if row["kind"] != "gap"]
        begins = bool(levels) and levels[0]["kind"] == "book_snapshots"
        if begins:
            sides, valid = {"bid": set(), "ask": set()}, True
        for row in levels:
            (sides[row["side"]].add if row["size"] else sides[row["side"]].discard)(row["price"])
        is_crossed = max(sides["bid"], default=Decimal(-1)) >= min(sides["ask"], default=Decimal(99))
        given = is_crossed and (begins or given)
        crossed += valid and is_crossed and not given
    gaps = rows(outputs, "md.gaps", "cause", "revision")
    assert {cause for cause, _ in gaps} <= {"crossed"}
    return crossed, sum(revision == 0 for _, revision in gaps)


@LIMITS
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 80),
    cut=st.integers(1, 20),
    lost=st.sampled_from((0.0, 0.1, 0.4)),
    auctions=st.sampled_from((0.0, 0.1)),
)
def test_a_book_called_valid_is_not_crossed(seed: int, count: int, cut: int, lost: float, auctions: float) -> None:
    """Whatever is lost; only a book whose snapshot was crossed may be, until it was uncrossed once."""
    crossed, gaps = served(log_of(seed, count, lost, auctions), cut)
    assert not crossed
    assert lost or auctions or not gaps


def test_without_the_check_crossed_books_are_called_valid() -> None:
    """The property finds what the check is for, and the check finds losses."""
    unchecked = Exchange("coinbase", {"exchange": dataclasses.replace(FEED, cross_check=None)})
    logs = [log_of(seed, 80, 0.1, 0.0) for seed in range(5)]
    assert sum(served(log, 20, unchecked)[0] for log in logs) > 10
    assert sum(served(log, 20)[1] for log in logs) >= 5
