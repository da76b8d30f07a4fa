"""Send frames of one market through routing and the agents' core, and judge every outcome by the strict reference.

A frame becomes exactly the rows it means, or a dead letter or a refusal; a whole frame becomes its rows.
It cannot imitate: a producer's connection (frames are numbered here) and the record stages behind the core.
"""

from __future__ import annotations

import cProfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from frame_fuzzer import Drawn
from golden import EXCHANGES, MARKETS, bodies
from strict_reading import Meant, Row
from strict_venues import reader

from agents import define_instruments, report_unreadable
from agents._core import Outputs, PartitionCore
from exchanges import CONTROL, Exchange, Market, Part, RouteError
from producers._router import is_json
from schemas import encode_frame, encode_raw, topics
from schemas._columns import Columns

WORK_MAX_CALLS = 1_000
"""Calls that one frame may cost on average in a batch, beside those that its bytes and the batch may."""

WORK_MAX_CALLS_PER_BYTE = 2
WORK_MAX_CALLS_PER_BATCH = 50_000

_DATA = ("md.trades", "md.quotes", "md.book", "md.funding", "md.liquidations")
_PLACE = ("frame_no", "native_symbol")
_RECORDS = {"md.trades": "trades", "md.quotes": "quotes", "md.funding": "funding", "md.liquidations": "liquidations"}
_STATELESS = (report_unreadable.OPERATOR, define_instruments.OPERATOR)
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


class Seed(NamedTuple):
    """Hold a whole frame; `kind` and `symbol` where it is no frame of a socket but an answer of REST.

    `family` names the frames that are alike, so that rare ones can be drawn as often as common ones.
    """

    frame: bytes
    family: str
    kind: str = ""
    symbol: str = ""


class Wrong(NamedTuple):
    """Say what is wrong with a frame's outcome: in which record, empty where it is no row."""

    why: str
    record: str
    frame: bytes
    got: object
    meant: object

    def __str__(self) -> str:
        """Show the outcome beside what was meant."""
        return (
            f"{self.why}\n  frame {self.frame[:700]!r}\n  got   {str(self.got)[:400]}\n  meant {str(self.meant)[:400]}"
        )


def parts(market: Market, frame: bytes) -> tuple[Part, ...]:
    """Route as a producer does: what cannot be routed is a control frame."""
    assert isinstance(market.is_reconnect_notice(frame), bool)
    market.ack(frame)
    try:
        routed = market.route(frame)
    except RouteError:
        return (Part(CONTROL, "_conn", "", frame),)
    if routed.kind == CONTROL:
        return (Part(CONTROL, "_conn", "", frame),)
    return routed.parts or (Part(routed.kind, routed.symbol, routed.stream, frame),)


class StrictPath:
    """Judge the frames of one market, as it was read at a moment."""

    def __init__(self, name: str, received_ns: int, market: Market | None = None) -> None:
        """Start with cores that know the golden instruments; `market` is read in place of the venue's own."""
        self.exchange, _, self.key = name.partition("_")
        self.market = market or MARKETS[name].at(received_ns)
        self.received_ns = received_ns
        known = {**EXCHANGES, self.exchange: Exchange(self.exchange, {self.key: self.market})}
        self.plain = PartitionCore(known, f"raw.{self.exchange}", 0, chain=_STATELESS)
        self.full = PartitionCore(known, f"raw.{self.exchange}", 0)
        self.reader = reader(self.exchange, self.key, bodies(name))
        self.offset = 0
        self.number = 0
        self.counts: Counter[str] = Counter()
        self.work_calls = 0
        self._define(bodies(name))

    def judge(self, seeds: Sequence[Seed], drawn: Iterable[Drawn]) -> list[Wrong]:
        """Send one batch and return whatever is wrong."""
        frames = {self.number + place: one for place, one in enumerate(drawn, 1)}
        self.number += len(frames)
        profiler = cProfile.Profile()
        profiler.enable()
        try:
            records, control = self._records(seeds, frames)
            plain, full = self.plain.process(records), self.full.process(records)
        finally:
            profiler.disable()
        calls = sum(entry.callcount for entry in profiler.getstats())
        self.work_calls += calls
        size = sum(len(one.frame) for one in frames.values())
        allowed = WORK_MAX_CALLS_PER_BATCH + WORK_MAX_CALLS * len(frames) + WORK_MAX_CALLS_PER_BYTE * size
        wrong = []
        if calls > allowed:
            longest = max(frames.values(), key=lambda one: len(one.frame))
            wrong.append(Wrong(f"{calls} calls for {size} bytes", "", longest.frame, calls, allowed))
        rows, dead = _rows(plain), _dead(plain)
        kept = _rows(full)
        for number, one in frames.items():
            meant = self._meant(seeds[one.origin], one.frame)
            found = _Outcome(one, rows.get(number, {}), dead.get(number, set()), number in control, meant)
            wrong += found.wrong(self.counts)
            wrong += found.kept_wrong(kept.get(number, {}))
        return wrong

    def means_rows(self, seed: Seed) -> bool:
        """Tell whether a whole frame means rows in this dialect."""
        return any(_read(one) for one in self._meant(seed, seed.frame))

    def _records(
        self, seeds: Sequence[Seed], frames: Mapping[int, Drawn]
    ) -> tuple[list[tuple[int, bytes, bytes]], set[int]]:
        """Return the raw records of frames, and which frames are control."""
        records, control = [], set()
        for number, one in frames.items():
            seed = seeds[one.origin]
            placed = (Part(seed.kind, seed.symbol, "", one.frame),) if seed.kind else parts(self.market, one.frame)
            meta = {"requested_ns": 1, "reason": "schedule"} if seed.kind else None
            if placed[0].kind == CONTROL:
                control.add(number)
            for ordinal, part in enumerate(placed):
                raw = encode_frame(
                    "c", number, self.received_ns + number, part.kind, part.raw,
                    valid_json=is_json(part.raw), part=ordinal, meta=meta,
                )  # fmt: skip
                records.append(self._record(part.symbol, raw))
        return records, control

    def _record(self, symbol: str, frame: bytes) -> tuple[int, bytes, bytes]:
        self.offset += 1
        key = f"{self.exchange}.{self.key}.{symbol}".encode("utf-8", "replace")
        return self.offset, key, encode_raw(self.exchange, self.key, symbol, "test", [frame])

    def _define(self, pages: Sequence[bytes]) -> None:
        entries = [found for page in pages for found in self.market.instruments(page)]
        records = [
            self._record(one.native_symbol, encode_frame("i", place, self.received_ns, "instrument", raw))
            for place, (one, raw) in enumerate(entries)
        ]
        for core in (self.plain, self.full):
            core.process(records)

    def _meant(self, seed: Seed, frame: bytes) -> list[Meant]:
        try:
            if seed.kind:
                return list(self.reader.body(seed.kind, seed.symbol, frame, self.received_ns))
            return list(self.reader.meant(frame, self.received_ns))
        except _UNREADABLE:
            return []


class _Outcome:
    """Compare what became of a frame with what it means."""

    def __init__(
        self,
        drawn: Drawn,
        rows: Mapping[tuple[str, str], list[Row]],
        dead: set[str],
        control: bool,
        meant: Sequence[Meant],
    ) -> None:
        self.drawn, self.rows, self.dead, self.control = drawn, rows, dead, control
        self.meant: dict[tuple[str, str], list[Row]] = {}
        for one in meant:
            own = _read(one)
            if own is not None:
                self.meant.setdefault((one.record, one.symbol), []).extend(own)

    def wrong(self, counts: Counter[str]) -> list[Wrong]:
        """Return what is wrong, and count the outcomes."""
        frame, wrong = self.drawn.frame, []
        for place, rows in self.rows.items():
            if place not in self.meant:
                wrong.append(Wrong(f"rows of {place[1]!r} where none are meant:", place[0], frame, rows, self.meant))
            elif rows != self.meant[place]:
                wrong.append(
                    Wrong(f"other rows of {place[1]!r}:", place[0], frame, *_difference(rows, self.meant[place]))
                )
        missing = [place for place, rows in self.meant.items() if rows and place not in self.rows]
        for record, symbol in missing:
            refused = "_conn" in self.dead or symbol in self.dead
            if self.drawn.whole or not (refused or self.control):
                wrong.append(Wrong(f"nothing of {symbol!r}, dead {self.dead}:", record, frame, self.rows, self.meant))
        counts["frames"] += 1
        counts["whole" if self.drawn.whole else "damaged"] += 1
        counts["rows"] += sum(map(len, self.rows.values()))
        counts["became rows" if self.rows else "dead" if self.dead else "control" if self.control else "no rows"] += 1
        counts["rows though damaged"] += bool(self.rows) and not self.drawn.whole
        counts["refused though meant"] += bool(missing) and bool(self.dead)
        counts["control though meant"] += bool(missing) and not self.dead
        return wrong

    def kept_wrong(self, kept: Mapping[tuple[str, str], list[Row]]) -> list[Wrong]:
        """Return rows of the whole core that were not meant; it may drop repeats and spares."""
        wrong = []
        for place, rows in kept.items():
            left = iter(self.meant.get(place, ()))
            if not all(any(row == one for one in left) for row in rows):
                wrong.append(
                    Wrong(
                        f"the operators changed {place[1]!r}:", place[0], self.drawn.frame, rows, self.meant.get(place)
                    )
                )
        return wrong


def _read(meant: Meant) -> list[Row] | None:
    try:
        return meant.rows()
    except _UNREADABLE:
        return None


def _difference(rows: list[Row], meant: list[Row]) -> tuple[object, object]:
    if len(rows) != len(meant):
        return (len(rows), rows[:5]), (len(meant), meant[:5])
    return next((one, other) for one, other in zip(rows, meant, strict=True) if one != other)


def _rows(outputs: Outputs) -> dict[int, dict[tuple[str, str], list[Row]]]:
    """Return the data rows by frame, record and symbol; columns that are null are left out."""
    found: dict[int, dict[tuple[str, str], list[Row]]] = {}
    for output in outputs.md:
        if output.topic not in _DATA:
            continue
        own = [name for name in Columns(topics()[output.topic]).fields if name != "kind"]
        kinded = "kind" in output.batch.schema.names
        names = [*_PLACE, *own, *(["kind"] if kinded else [])]
        for row in output.batch.select(names).to_pylist():
            record = _RECORDS.get(output.topic) or row.pop("kind")
            row.pop("kind", None)
            if record == "gap":
                continue
            place = (record, row.pop("native_symbol"))
            held = found.setdefault(row.pop("frame_no"), {}).setdefault(place, [])
            held.append({name: value for name, value in row.items() if value is not None})
    return found


def _dead(outputs: Outputs) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for output in outputs.md:
        if output.topic == "md.dead_letters":
            for row in output.batch.select(list(_PLACE)).to_pylist():
                found.setdefault(row["frame_no"], set()).add(row["native_symbol"])
    return found
