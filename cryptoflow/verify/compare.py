"""Compare the ledger with the tables row for row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from cryptoflow.verify.frames import Row
from cryptoflow.verify.gaps import Gap, Timeline, judge_track, read_gaps
from cryptoflow.verify.ledger import Ledger, Status, Track, read_ledger
from cryptoflow.verify.report import Report, Tolerances
from cryptoflow.verify.tables import KEYS, Found, ReadTable, batches, catalog_reader, read_found, read_rows, values

LEDGER_FILES = "ledger/ledger-*.log"
_FRAME_TABLES = {
    "trades": "trades",
    "quotes": "quotes",
    "book": "book_deltas",
    "funding": "funding",
    "liquidations": "liquidations",
}
_UNREADABLE = "_conn"
_NS = 1_000_000_000


def verify(data_dir: Path, settings: Settings, tolerances: Tolerances | None = None) -> Report:
    """Compare the ledger of a data directory with the tables of the configured catalog.

    Raises ConfigError when the directory has no ledger.
    """
    paths = sorted(data_dir.glob(LEDGER_FILES))
    if not paths:
        raise ConfigError(f"verifying {data_dir}: it has no ledger", fix="give the data directory of a demo run")
    return compare(paths, catalog_reader(settings), tolerances)


def compare(ledgers: Sequence[Path], read_table: ReadTable, tolerances: Tolerances | None = None) -> Report:
    """Compare ledger files with the tables that `read_table` gives."""
    report = Report()
    allowed = tolerances or Tolerances()
    ledger = read_ledger(ledgers)
    report.frames = ledger.frames
    report.notes["frames withheld by the venue"] = ledger.withheld
    gaps = read_gaps(read_table, report)
    for kind, table in _FRAME_TABLES.items():
        found = read_found(read_table, table)
        report.rows[table] = found.rows
        timelines = _compare_table(ledger, kind, found, read_table, report)
        for symbol in sorted({*timelines, *(name for name, of in gaps if of == kind)}):
            own = gaps.get((symbol, kind), [])
            judge_track(f"{kind} {symbol}", timelines.get(symbol), own, ledger.fresh.get(symbol, ()), allowed, report)
    _compare_snapshots(ledger, gaps, read_table, report, allowed)
    _compare_garbage(ledger, gaps, read_table, report)
    return report


def _compare_table(
    ledger: Ledger, kind: str, found: Found, read_table: ReadTable, report: Report
) -> dict[str, Timeline]:
    """Compare one table; return what was received of each symbol, for the gaps to be judged by."""
    table = _FRAME_TABLES[kind]
    suspects: dict[tuple[str, Hashable], int] = {}
    timelines = {}
    for (track_kind, symbol), track in ledger.tracks.items():
        if track_kind != kind:
            continue
        held = found.symbols.get(symbol, {})
        timelines[symbol] = _timeline(track, symbol, held, suspects, table, report)
        for key in held.keys() - track.positions.keys():
            report.fail("altered", f"{table} {symbol}: a row of no frame sent, {_named(table, key)}", held[key][0])
    for symbol in found.symbols.keys() - timelines.keys():
        report.fail("altered", f"{table} {symbol}: rows of a symbol never sent", len(found.symbols[symbol]))
    if suspects:
        rows = read_rows(read_table, table, set(suspects))
        for (symbol, key), where in suspects.items():
            frame = ledger.reread(where)
            _explain(f"{table} {symbol} {_named(table, key)}", frame.rows if frame else [], rows[symbol, key], report)
    return timelines


def _timeline(
    track: Track,
    symbol: str,
    held: dict[Hashable, list[int]],
    suspects: dict[tuple[str, Hashable], int],
    table: str,
    report: Report,
) -> Timeline:
    timeline = Timeline(track)
    for position, key in enumerate(track.keys):
        seen = held.get(key)
        if seen is None:
            timeline.absent(position)
            continue
        timeline.present(position, seen[2])
        if track.status[position] != Status.SENT:
            report.fail("altered", f"{table} {symbol}: rows of a frame never sent whole, {_named(table, key)}", seen[0])
        elif seen[0] != track.rows[position] or seen[1] != track.digest[position]:
            suspects[symbol, key] = track.where[position]
    return timeline


def _explain(name: str, wanted: Sequence[Row], rows: Sequence[Row], report: Report) -> None:
    """Say what is wrong with the rows of one frame: missing, repeated or different."""
    missing = Counter(wanted) - Counter(rows)
    extra = Counter(rows) - Counter(wanted)
    repeated = sum(count for row, count in extra.items() if row in set(wanted))
    altered = sum(extra.values()) - repeated
    if repeated:
        report.fail("duplicated", f"{name}: {repeated} rows stand twice", repeated)
    if altered:
        different = next(row for row in extra if row not in set(wanted))
        report.fail("altered", f"{name}: {different} instead of {next(iter(missing), None)}", altered)
    lost = sum(missing.values()) - altered
    if lost > 0:
        report.fail("lost", f"{name}: {lost} rows of the frame are missing", lost)


def _compare_snapshots(
    ledger: Ledger, gaps: dict[tuple[str, str], list[Gap]], read_table: ReadTable, report: Report, allowed: Tolerances
) -> None:
    table = "book_snapshots"
    found = read_found(read_table, table)
    report.rows[table] = found.rows
    suspects: dict[tuple[str, Hashable], int] = {}
    same_id = {(symbol, key[0]) for symbol, held in found.symbols.items() for key in held if isinstance(key, tuple)}
    slack = int(allowed.clock_s * _NS)
    for (symbol, key), answers in ledger.snapshots.items():
        seen = found.symbols.get(symbol, {}).pop(key, None)
        if seen is None:
            if isinstance(key, tuple) and (symbol, key[0]) in same_id:
                continue
            own = gaps.get((symbol, "book"), [])
            if not any(gap.from_ns - slack <= answers.ns <= gap.end_ns + slack for gap in own):
                report.fail("lost", f"{table} {symbol} {_named(table, key)}: answered and not in the table")
            continue
        times = seen[0] // answers.rows if answers.rows else 0
        if (seen[0], seen[1]) != (times * answers.rows, times * answers.digest) or not 1 <= times <= answers.count:
            suspects[symbol, key] = answers.where
    for symbol, held in found.symbols.items():
        for key, seen in held.items():
            report.fail("altered", f"{table} {symbol}: rows of no answer, {_named(table, key)}", seen[0])
    rows = read_rows(read_table, table, set(suspects)) if suspects else {}
    for (symbol, key), where in suspects.items():
        answer = ledger.reread(where)
        _explain(f"{table} {symbol} {_named(table, key)}", answer.rows if answer else [], rows[symbol, key], report)


def _compare_garbage(
    ledger: Ledger, gaps: dict[tuple[str, str], list[Gap]], read_table: ReadTable, report: Report
) -> None:
    """Find every garbage frame among the dead letters, under its symbol or under none, and nothing else there."""
    letters: Counter[str] = Counter()
    symbols: dict[str, str] = {}
    for batch in batches(read_table("dead_letters")):
        for symbol, payload in zip(
            values(batch.column("native_symbol")), values(batch.column("payload_b64")), strict=True
        ):
            letters[payload] += 1
            symbols[payload] = symbol
    report.rows["dead_letters"] = letters.total()
    for garbage in ledger.garbage:
        name = f"garbage in place of {garbage.kind} {garbage.symbol} {garbage.key}"
        count = letters.pop(garbage.payload_b64, 0)
        if count > 1:
            report.fail("duplicated", f"dead_letters: {name} stands {count} times", count - 1)
        elif count and symbols[garbage.payload_b64] not in {garbage.symbol, _UNREADABLE}:
            report.fail("altered", f"dead_letters: {name} is under {symbols[garbage.payload_b64]}")
        elif not count and not _in_gap(ledger, garbage.kind, garbage.symbol, garbage.key, gaps):
            report.fail("lost", f"dead_letters: {name} is missing")
    for payload, count in letters.items():
        report.fail(
            "altered", f"dead_letters: {count} of {symbols[payload]} that were no garbage: {payload[:80]}", count
        )
    report.notes["garbage frames sent"] = len(ledger.garbage)


def _in_gap(ledger: Ledger, kind: str, symbol: str, key: Hashable, gaps: dict[tuple[str, str], list[Gap]]) -> bool:
    """Tell whether garbage on a connection that died lies inside a gap declared for another reason."""
    track = ledger.tracks.get((kind, symbol))
    if track is None:
        return False
    ns = track.ns[track.positions[key]]
    return any(
        gap.cause not in {"sequence", "unreadable"} and gap.from_ns <= ns <= gap.end_ns
        for gap in gaps.get((symbol, kind), [])
    )


def _named(table: str, key: Hashable) -> str:
    """Name a frame by its key."""
    parts = key if isinstance(key, tuple) else (key,)
    return " ".join(f"{column}={part}" for column, part in zip(KEYS[table], parts, strict=True))
