"""Books of OKX over connections that overlap: a venue that is right is never called wrong.

With sums, as until 2026-06-23, the agents keep the book, and levels are taken at once or never: the rules
alone tell what lies behind. Without, what lies ahead waits for the others, if they come in time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import maintain_books
from agents._core import Outputs, PartitionCore
from agents._operator import Operator
from agents._symbol import operators
from agents._turn import Turn
from cryptoflow.clock import from_iso
from exchanges import BookLevel, Exchange, Precisions
from exchanges.okx import SPOT
from exchanges.okx.checksum import BookChecksum
from schemas import encode_frame, encode_raw
from tests.doubles.raw_frames import Record, rows

RECEIVED_NS = from_iso("2025-11-21")
MARKET = SPOT.at(RECEIVED_NS)
EXCHANGE = Exchange("okx", {"spot": MARKET})
WITHOUT_SUMS = Exchange("okx", {"spot": SPOT})
PAUSES_NS = 1_000_000, 6_000_000_000
"""With long pauses connections do not count as living at once, and whole runs are taken quietly."""

PRICES = [Decimal(price) / 2 for price in range(20, 32)]
SET_BACK = 20_000
LIMITS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Venue:
    """Keep a book and number its changes; every state of it can be sent again."""

    draw: random.Random
    resets: float = 0.0
    id: int = 10_000_000
    sides: dict[str, dict[Decimal, str]] = field(default_factory=lambda: {"bids": {}, "asks": {}})
    bodies: list[bytes] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Fill the book."""
        for number, price in enumerate(PRICES):
            self.sides["bids" if number < len(PRICES) // 2 else "asks"][price] = str(1 + number % 3)
        self.note()

    def note(self) -> None:
        """Keep the book as a connection that begins here is told it."""
        levels = {
            side: [[str(price), size, "0", "1"] for price, size in held.items()] for side, held in self.sides.items()
        }
        self.snapshots.append(self.frame("snapshot", levels, -1))

    def move(self) -> None:
        """Change some levels, or nothing: a keep-alive (PROTOCOLS 5.5.3). Ids may be set back (PROTOCOLS 5.5.4)."""
        prev, levels = self.id, dict[str, list[list[str]]](asks=[], bids=[])
        for _ in range(self.draw.randrange(4)):
            number = self.draw.randrange(len(PRICES))
            side, size = "bids" if number < len(PRICES) // 2 else "asks", str(self.draw.randrange(4))
            if all(str(PRICES[number]) != one[0] for one in levels[side]):
                levels[side].append([str(PRICES[number]), size, "0", "1"])
                self.sides[side].pop(PRICES[number], None)
                self.sides[side] |= {PRICES[number]: size} if size != "0" else {}
        if self.draw.random() < self.resets:
            self.id -= SET_BACK
        elif any(levels.values()):
            self.id += self.draw.randint(1, 3)
        self.bodies.append(self.frame("update", levels, prev))
        self.note()

    def frame(self, action: str, levels: dict[str, list[list[str]]], prev: int) -> bytes:
        """Write a frame, mostly with the sum of the book as it stands."""
        sides = [
            [BookLevel(price, Decimal(size), str(price), size) for price, size in sorted(self.sides[side].items())]
            for side in ("bids", "asks")
        ]
        told: dict[str, object] = {
            **levels,
            "ts": "1763683200000",
            "seqId": self.id,
            "prevSeqId": prev,
        }
        if self.draw.randrange(3):
            told["checksum"] = BookChecksum().checksum(sides[0][::-1], sides[1], Precisions(None, None))
        body = {"arg": {"channel": "books", "instId": "A-B"}, "action": action, "data": [told]}
        return msgspec.json.encode(body)


def log_of(
    seed: int, moves: int, connections: int, resets: float = 0.0, pauses_ns: Sequence[int] = PAUSES_NS
) -> list[Record]:
    """Let connections begin at any state of the book and each tell all that follows, interleaved in any way."""
    draw = random.Random(seed)
    venue = Venue(draw, resets)
    for _ in range(moves):
        venue.move()
    begins = [0, *sorted(draw.randrange(moves + 1) for _ in range(connections - 1))]
    told = [-1] * connections  # -1: its snapshot comes next, else the place of its next change
    frames: list[bytes] = []
    pause_ns = draw.choice(pauses_ns)
    while True:
        left = [one for one in range(connections) if told[one] < moves and (one == 0 or told[0] >= 0)]
        if not left:
            break
        one = draw.choice(left)
        for _ in range(draw.randint(1, 6)):
            number, at_ns = len(frames), RECEIVED_NS + len(frames) * pause_ns
            if told[one] < 0:
                meta: dict[str, str | int] = {"reason": "subscribe", "stream": "books:A-B"}
                raw = venue.snapshots[begins[one]]
                frames.append(encode_frame(f"c{one}", number, at_ns, "book_snapshot", raw, meta=meta))
                told[one] = begins[one]
            elif told[one] < moves:
                frames.append(encode_frame(f"c{one}", number, at_ns, "book", venue.bodies[told[one]]))
                told[one] += 1
    records: list[Record] = []
    while frames:
        size = draw.randint(1, 5)
        value = encode_raw("okx", "spot", "A-B", "test", frames[:size])
        records.append((len(records), b"okx.spot.A-B", value))
        del frames[:size]
    return records


def read(
    records: Sequence[Record], cut: int, chain: tuple[Operator, ...] | None = None, exchange: Exchange = EXCHANGE
) -> list[Outputs]:
    """Process records in calls of `cut`."""
    core = PartitionCore({"okx": exchange}, "raw.okx", 0, chain=chain)
    return [core.process(records[start : start + cut]) for start in range(0, len(records), cut)]


def mismatches(outputs: Sequence[Outputs]) -> int:
    """Count the sums that do not match."""
    return sum(
        count for one in outputs for (_, _, told), count in one.checksums.items() if told == maintain_books.MISMATCH
    )


@LIMITS
@given(seed=st.integers(0, 2**32), moves=st.integers(4, 40), connections=st.integers(1, 4), cut=st.integers(1, 20))
def test_what_lies_behind_the_book_does_not_change_it(seed: int, moves: int, connections: int, cut: int) -> None:
    """Updates of a connection that lags, behind another's snapshot, are rows and no part of the book."""
    outputs = read(log_of(seed, moves, connections), cut)
    assert mismatches(outputs) == 0
    assert rows(outputs, "md.gaps") == []
    assert not any(one.reseeds for one in outputs)


@settings(LIMITS, max_examples=60)
@given(seed=st.integers(0, 2**32), moves=st.integers(4, 40), connections=st.integers(1, 4), cut=st.integers(1, 20))
def test_what_lies_ahead_waits_where_no_book_is_kept(seed: int, moves: int, connections: int, cut: int) -> None:
    """Every connection brings all in time: no update is a gap, and each is rows once."""
    outputs = read(log_of(seed, moves, connections, pauses_ns=PAUSES_NS[:1]), cut, exchange=WITHOUT_SUMS)
    assert rows(outputs, "md.gaps") == []
    assert not any(one.reseeds for one in outputs)
    deltas = [row for row in rows(outputs, "md.book") if row["kind"] == "book_deltas"]
    frames = {(row["conn"], row["frame_no"]) for row in deltas}
    assert len(frames) == len({(row["prev_update_id"], row["last_update_id"]) for row in deltas})


@LIMITS
@given(seed=st.integers(0, 2**32), moves=st.integers(4, 40), connections=st.integers(1, 4), cut=st.integers(1, 20))
def test_ids_set_back_make_no_false_book(seed: int, moves: int, connections: int, cut: int) -> None:
    """What lies behind is then not told from what lies ahead: the book may break, but no valid one is false."""
    outputs = read(log_of(seed, moves, connections, resets=0.05), cut)
    assert mismatches(outputs) == 0
    assert connections > 1 or rows(outputs, "md.gaps") == []


@pytest.mark.parametrize("cut", [1, 20])
def test_the_check_sees_a_book_that_takes_all_that_is_fresh(cut: int) -> None:
    """A mutant that applies every update which is no repeat is found out, frame by frame and in whole runs."""

    def step(state: maintain_books.KeptBook, turn: Turn) -> None:
        turn.applied = turn.applied or (turn.kind == maintain_books.BOOK and turn.fresh)
        maintain_books.OPERATOR.step(state, turn)

    own = maintain_books.OPERATOR
    mutant = Operator(own.name, own.stage, own.state, step, own.quiet)
    chain = tuple(mutant if one.name == own.name else one for one in operators())
    assert any(mismatches(read(log_of(seed, 40, 2), cut, chain)) for seed in range(40))
