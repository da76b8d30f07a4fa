"""Compare the ledger with the tables row for row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from cryptoflow.verify.frames import Row
from cryptoflow.verify.gaps import Gap, Timeline, judge_track, read_gaps
from cryptoflow.verify.ledger import Book, Ledger, Name, read_ledger
from cryptoflow.verify.report import Report, Tolerances
from cryptoflow.verify.tables import Found, ReadTable, batches, catalog_reader, read_found, read_rows, values
from cryptoflow.verify.tracks import Status, Track
from cryptoflow.verify.venues._reader import KEYS, reader_classes

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
        for name in sorted({*timelines, *(name for name in gaps if name[1] == kind)}):
            market, _, symbol = name
            fresh = ledger.fresh.get((market, symbol), ())
            shown = f"{market} {kind} {symbol}"
            judge_track(shown, timelines.get(name), gaps.get(name, []), fresh, allowed, report)
    _compare_snapshots(ledger, gaps, read_table, report, allowed)
    _compare_garbage(ledger, gaps, read_table, report)
    return report


def _compare_table(
    ledger: Ledger, kind: str, found: Found, read_table: ReadTable, report: Report
) -> dict[Name, Timeline]:
    """Compare one table; return what was received of each symbol, for the gaps to be judged by."""
    table = _FRAME_TABLES[kind]
    suspects: dict[tuple[Book, Hashable], int] = {}
    timelines = {}
    for name, track in ledger.tracks.items():
        if name[1] != kind:
            continue
        book = (name[0], name[2])
        held = found.books.get(book, {})
        fetched = found.fetched.get(book, {})
        timelines[name] = _timeline(track, book, held, fetched, suspects, report)
        for key in (held.keys() | fetched.keys()) - track.positions.keys():
            report.fail("altered", f"{_named(table, book, key)}: a row of no frame sent", held.get(key, [1])[0])
        for key in held.keys() & fetched.keys():
            report.fail("duplicated", f"{_named(table, book, key)}: received and fetched", fetched[key][0])
    sent = {(market, symbol) for market, _, symbol in timelines}
    for book in (found.books.keys() | found.fetched.keys()) - sent:
        report.fail("altered", f"{table} {' '.join(book)}: rows of a symbol never sent", len(found.books[book]))
    if suspects:
        rows = read_rows(read_table, table, set(suspects))
        for (book, key), where in suspects.items():
            frame = ledger.reread(where, key, table, book[1])
            _explain(_named(table, book, key), frame.rows if frame else [], rows[book, key], report)
    return timelines


def _timeline(
    track: Track,
    book: Book,
    held: dict[Hashable, list[int]],
    fetched: dict[Hashable, list[int]],
    suspects: dict[tuple[Book, Hashable], int],
    report: Report,
) -> Timeline:
    timeline = Timeline(track)
    for position, key in enumerate(track.keys):
        seen = held.get(key)
        if seen is None:
            got = fetched.get(key)
            if got is not None and (got[0] != track.rows[position] or got[1] != track.digest[position]):
                suspects[book, key] = track.where[position]
            if got is not None or not track.optional[position]:
                timeline.absent(position)
            continue
        timeline.present(position, seen[2])
        if track.status[position] != Status.SENT and not track.optional[position]:
            report.fail("altered", f"{_named(track.table, book, key)}: rows of a frame never sent whole", seen[0])
        elif not _is_whole(track, position, seen):
            suspects[book, key] = track.where[position]
    return timeline


def _is_whole(track: Track, position: int, seen: Sequence[int]) -> bool:
    """Tell whether the rows of a frame stand once, or once for each connection that may have made some."""
    rows, digest = track.rows[position], track.digest[position]
    return any((seen[0], seen[1]) == (n * rows, n * digest) for n in range(1, track.told.get(position, 1) + 1))


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
    ledger: Ledger, gaps: dict[Name, list[Gap]], read_table: ReadTable, report: Report, allowed: Tolerances
) -> None:
    table = "book_snapshots"
    found = read_found(read_table, table)
    report.rows[table] = found.rows
    suspects: dict[tuple[Book, Hashable], int] = {}
    same_id = {(book, _id_of(book, key)) for book, held in found.books.items() for key in held}
    slack = int(allowed.clock_s * _NS)
    for (book, key), answers in ledger.snapshots.items():
        seen = found.books.get(book, {}).pop(key, None)
        if seen is None:
            if answers.spare or (book, _id_of(book, key)) in same_id:
                continue
            own = gaps.get((book[0], "book", book[1]), [])
            if not any(gap.from_ns - slack <= answers.ns <= gap.end_ns + slack for gap in own):
                report.fail("lost", f"{_named(table, book, key)}: given and not in the table")
            continue
        times = seen[0] // answers.rows if answers.rows else 0
        if (seen[0], seen[1]) != (times * answers.rows, times * answers.digest) or not 1 <= times <= answers.count:
            suspects[book, key] = answers.where
    for book, held in found.books.items():
        for key, seen in held.items():
            report.fail("altered", f"{_named(table, book, key)}: rows of no snapshot given", seen[0])
    rows = read_rows(read_table, table, set(suspects)) if suspects else {}
    for (book, key), where in suspects.items():
        answer = ledger.reread(where, key, table, book[1])
        _explain(_named(table, book, key), answer.rows if answer else [], rows[book, key], report)


def _id_of(book: Book, key: Hashable) -> Hashable:
    """Return the update id of a snapshot, or its whole key where the venue sends no id."""
    reader = reader_classes().get(book[0])
    has_id = reader is not None and reader.keys["book_snapshots"]
    return key[0] if has_id and isinstance(key, tuple) else key


def _compare_garbage(ledger: Ledger, gaps: dict[Name, list[Gap]], read_table: ReadTable, report: Report) -> None:
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
    alike: dict[str, list[list[tuple[Name, Hashable]]]] = {}
    for garbage in ledger.garbage:
        # What is left of two frames broken off may be the same.
        alike.setdefault(garbage.payload_b64, []).append(garbage.replaced)
    for payload, all_replaced in alike.items():
        owners = {symbol for replaced in all_replaced for (_, _, symbol), _ in replaced}
        name = f"garbage in place of {all_replaced[0][0]}"
        count = letters.pop(payload, 0)
        bare = [one for one in all_replaced if not all(_in_gap(ledger, *replaced, gaps) for replaced in one)]
        if count > sum(map(len, all_replaced)):
            report.fail("duplicated", f"dead_letters: {name} stands {count} times", count - len(all_replaced))
        elif count and symbols[payload] not in {*owners, _UNREADABLE}:
            report.fail("altered", f"dead_letters: {name} is under {symbols[payload]}")
        elif count < len(bare):
            report.fail("lost", f"dead_letters: {name} is missing", len(bare) - count)
    for payload, count in letters.items():
        report.fail(
            "altered", f"dead_letters: {count} of {symbols[payload]} that were no garbage: {payload[:80]}", count
        )
    report.notes["garbage frames sent"] = len(ledger.garbage)


def _in_gap(ledger: Ledger, name: Name, key: Hashable, gaps: dict[Name, list[Gap]]) -> bool:
    """Tell whether garbage on a connection that died lies inside a gap declared for another reason."""
    track = ledger.tracks.get(name)
    if track is None:
        return False
    ns = track.ns[track.positions[key]]
    return any(
        gap.cause not in {"sequence", "unreadable"} and gap.from_ns <= ns <= gap.end_ns for gap in gaps.get(name, [])
    )


def _named(table: str, book: Book, key: Hashable) -> str:
    """Name a frame by its key."""
    market, symbol = book
    reader = reader_classes().get(market)
    columns = reader.keys[table] if reader else KEYS[table]
    parts = key if isinstance(key, tuple) else (key,)
    told = [f"{column}={part}" for column, part in zip(columns, parts, strict=False)]
    return f"{table} {market} {symbol} {' '.join(told) or key}"
