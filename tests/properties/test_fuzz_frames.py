"""Damaged frames of every venue, through the agents' core: no crash, no hang, no value changed silently.

Frames of the recordings, where they are present, and the golden frames are damaged in bytes and in
structure. What still becomes rows becomes exactly the rows that an independent strict reading of the
frame gives, field by field; everything else is refused.
CRYPTOFLOW_TEST_FUZZ_FRAMES says how many frames over all markets (CI 50,000; `make fuzz` 1,000,000).
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest
from frame_fuzzer import Drawn, FrameFuzzer
from frame_seeds import golden_seeds, recorded_seeds
from golden import MARKETS
from json_damage import tree
from strict_path import StrictPath

from exchanges import Parser
from schemas import Columns

FRAMES = int(os.environ.get("CRYPTOFLOW_TEST_FUZZ_FRAMES", "50000"))
SEED = int(os.environ.get("CRYPTOFLOW_TEST_FUZZ_SEED", "1"))
BATCH_FRAMES = 500
WRONG_SHOWN = 5
Held = dict[str, list[Any]]
Change = Callable[[Held], None] | None
LOG = logging.getLogger(__name__)
TODAY_NS = 1_790_000_000_000_000_000
PATHS = [
    *((name, TODAY_NS) for name in MARKETS),
    *((name, market.earlier[-1][0] - 1) for name, market in MARKETS.items() if market.earlier),
]
"""Every market as it is read today, and in its oldest dialect where it has retired ones."""

RETIRED_SHARE = 0.25
"""Frames of a retired dialect for one of today's: only its books are read by parsers of their own."""


def _frames_today() -> float:
    return FRAMES / (len(MARKETS) + RETIRED_SHARE * (len(PATHS) - len(MARKETS)))


@pytest.mark.parametrize(("name", "received_ns"), PATHS)
def test_damaged_frames_crash_nothing_and_change_no_value(name: str, received_ns: int) -> None:
    """Every damaged frame is exactly the rows it means, a dead letter, or an answer nobody asked for."""
    path = StrictPath(name, received_ns)
    recorded = recorded_seeds(path.exchange, path.market)
    seeds = golden_seeds(name) + [seed for seed in recorded if path.means_rows(seed)]
    fuzzer = FrameFuzzer([seed.frame for seed in seeds], [seed.family for seed in seeds], SEED)
    left = int(_frames_today() * (1 if received_ns == TODAY_NS else RETIRED_SHARE))
    wrong = []
    while left > 0 and len(wrong) < WRONG_SHOWN:
        wrong += path.judge(seeds, fuzzer.draw(min(BATCH_FRAMES, left)))
        left -= BATCH_FRAMES
    LOG.info("%s at %d: %s", name, received_ns, dict(path.counts))
    assert not wrong, "\n".join(map(str, wrong[:WRONG_SHOWN]))
    assert path.counts["rows though damaged"] > 0
    assert path.counts["dead"] > 0


LARGEST = (b"9223372036854775807", b"9223372036854775806", b'"999999999999999999"')
_WHOLE_NUMBER = re.compile(rb'"?[0-9]{1,18}"?')


@pytest.mark.parametrize("name", MARKETS)
def test_the_largest_numbers_crash_nothing(name: str) -> None:
    """Each whole number of a frame at its bound, then the frame cut short, and as it was: a gap has a place too."""
    path, seeds = StrictPath(name, TODAY_NS), golden_seeds(name)
    drawn = []
    for place, seed in enumerate(seeds):
        found = tree(seed.frame)
        for node in found.nodes if found else ():
            if _WHOLE_NUMBER.fullmatch(seed.frame[node.start : node.end]):
                for largest in LARGEST:
                    frame = seed.frame[: node.start] + largest + seed.frame[node.end :]
                    cut, whole = Drawn(seed.frame[:-1], place, whole=False), Drawn(seed.frame, place, whole=True)
                    drawn += [Drawn(frame, place, whole=False), cut, whole]
    assert not path.judge(seeds, drawn)


def _repeated(frame: bytes, times: int) -> bytes:
    """Return a frame whose longest list has its elements many times."""
    found = tree(frame)
    lists = [found.nodes[at] for at, held in found.children.items() if held] if found else []
    longest = max((one for one in lists if frame[one.start] == 0x5B), key=lambda one: one.end - one.start, default=None)
    if longest is None:
        return frame
    inner = frame[longest.start + 1 : longest.end - 1]
    return frame[: longest.start + 1] + b",".join([inner] * times) + frame[longest.end - 1 :]


GROWTHS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "a text": lambda frame, times: frame[:1] + b'"zz":"' + b"\\n" * 40 * times + b'",' + frame[1:],
    "members": lambda frame, times: frame[:1] + b'"zz":[{}],' * times + frame[1:],
    "levels": lambda frame, times: frame[:1] + b'"zz":' + b"[" * times + b"]" * times + b"," + frame[1:],
    "elements": _repeated,
}
"""How a frame may grow."""

GROWN_STEP = 4
"""One golden frame of so many is grown."""


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize("name", MARKETS)
def test_work_grows_no_faster_than_a_frame(name: str, growth: str) -> None:
    """Calls counted, not time: eight times as much of anything costs at most eight times the work."""
    path, seeds = StrictPath(name, TODAY_NS), golden_seeds(name)[::GROWN_STEP]
    calls = []
    for times in (25, 200):
        grown = [Drawn(GROWTHS[growth](seed.frame, times), place, whole=False) for place, seed in enumerate(seeds)]
        before = path.work_calls
        assert not path.judge(seeds, grown)
        calls.append(path.work_calls - before)
    assert calls[1] <= 8 * calls[0]


class Tampered:
    """Stand before the columns of a batch and change what a parser appends; note when it did."""

    def __init__(self, columns: Columns, change: Change, touched: set[str], record: str) -> None:
        """Take the columns and the change; the topic is what parsers look at besides."""
        self.columns, self.change, self.topic = columns, change, columns.topic
        self.touched, self.record = touched, record

    def extend(self, frames: Sequence[int], counts: Sequence[int], values: Mapping[str, Iterable[Any]]) -> None:
        """Append what the change makes of the values."""
        held = {name: list(column) for name, column in values.items()}
        changed = {name: list(column) for name, column in held.items()}
        left = list(counts)
        if self.change is None:
            for name in changed.keys() - self.topic.per_frame if sum(left) else ():
                del changed[name][-1:]
            last = max((place for place, count in enumerate(left) if count), default=None)
            left = [count - (place == last) for place, count in enumerate(left)]
        else:
            self.change(changed)
        if _shown(changed, left, self.topic.per_frame) != _shown(held, counts, self.topic.per_frame):
            self.touched.add(self.record)
        self.columns.extend(frames, left, changed)


def _shown(held: Held, counts: Sequence[int], per_frame: frozenset[str]) -> Held:
    """Return what comes out as rows: columns of frames show only in frames that have rows."""
    return {
        name: [cell for cell, count in zip(cells, counts, strict=True) if count] if name in per_frame else cells
        for name, cells in held.items()
    }


def _swap_price_and_size(held: Held) -> None:
    for one, other in (("price", "size"), ("bid_price", "bid_size"), ("ask_price", "ask_size")):
        if one in held and other in held:
            held[one], held[other] = held[other], held[one]


def _turn_sides(held: Held) -> None:
    turned = {"buy": "sell", "sell": "buy", "bid": "ask", "ask": "bid"}
    _each(held, lambda side: turned[side], "side")


def _turn_levels(held: Held) -> None:
    if "level" in held:
        held["price"].reverse()


def _move_times(held: Held) -> None:
    _each(held, lambda at: at + 1, "exchange_ns")


def _move_ids(held: Held) -> None:
    _each(held, lambda one: one + 1, "update_id", "last_update_id", "prev_update_id", "checksum")
    _each(held, "{}0".format, "trade_id")


def _turn_history(held: Held) -> None:
    _each(held, lambda one: not one, "history")


def _lose_a_digit(held: Held) -> None:
    _each(
        held, lambda text: f"{text[:-1]}0" if "." in text and text[-1] in "123456789" else text,
        "price", "size", "bid_price", "ask_size", "mark_price", "open_interest",
    )  # fmt: skip


def _each(held: Held, change: Callable[[Any], Any], *names: str) -> None:
    for name in held.keys() & set(names):
        held[name] = [None if cell is None else change(cell) for cell in held[name]]


_LAST_ROW_DROPPED = None

CHANGES: Mapping[str, Change] = {
    "price and size swapped": _swap_price_and_size,
    "sides turned": _turn_sides,
    "last row dropped": _LAST_ROW_DROPPED,
    "levels turned": _turn_levels,
    "times moved": _move_times,
    "ids moved": _move_ids,
    "history turned": _turn_history,
    "a digit lost": _lose_a_digit,
}
"""What a faulty parser may do."""


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", MARKETS)
def test_a_parser_that_changes_a_value_is_noticed(name: str, change: str) -> None:
    """The check itself: with each fault whole frames go wrong, in just the records where it changes something."""
    touched: set[str] = set()
    honest = MARKETS[name]
    faulty = {
        kind: dataclasses.replace(parser, append=_tampering(parser, CHANGES[change], touched))
        for kind, parser in honest.parsers.items()
    }
    seeds = golden_seeds(name)
    path = StrictPath(name, TODAY_NS, dataclasses.replace(honest, parsers=faulty))
    wrong = path.judge(seeds, [Drawn(seed.frame, place, whole=True) for place, seed in enumerate(seeds)])
    assert {one.record for one in wrong} == touched


def _tampering(parser: Parser, change: Change, touched: set[str]) -> Callable[[Any, Any, Any], None]:
    def append(messages: Any, frames: Any, columns: Any) -> None:
        tampered: Any = Tampered(columns, change, touched, parser.record)
        parser.append(messages, frames, tampered)

    return append
