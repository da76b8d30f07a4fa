"""Each class of failure is planted and must be found; a correct run must be clean."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest

from cryptoflow.simulator.outlet import Armed
from cryptoflow.verify.compare import _is_whole
from cryptoflow.verify.frames import Expected
from cryptoflow.verify.tracks import Status, Track

MARKET = "binance.usdm"
TABLES = ["trades", "quotes", "book_deltas", "funding", "liquidations"]


def _full(session, tables=TABLES):
    """Play until every table has several rows."""
    while any(len(session.rows[name]) < 3 for name in tables):
        session.play()
        for stream, payload in session.market.closing():
            session.outlet.offer(stream, payload)


def test_clean(session):
    """A faultless run is clean, and everything was compared."""
    _full(session)
    report = session.compare()
    assert report.clean, report.text()
    assert report.frames == sum(session.outlet.streams.values())
    assert all(report.rows[name] == len(session.rows[name]) > 0 for name in TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_lost(session, table):
    """A frame whose rows are all missing is lost."""
    _full(session)
    rows = session.rows[table]
    gone = rows[len(rows) // 2]
    rows[:] = [row for row in rows if row["received_ns"] != gone["received_ns"]]
    report = session.compare()
    assert report.counts["lost"] == 1, report.text()
    assert report.counts["altered"] == report.counts["duplicated"] == 0


def test_lost_level(session):
    """One level missing of a book frame is lost too."""
    _full(session)
    del session.rows["book_deltas"][5]
    assert session.compare().counts["lost"] == 1


@pytest.mark.parametrize("table", TABLES)
def test_duplicated(session, table):
    """A row that stands twice is duplicated and nothing else."""
    _full(session)
    session.rows[table].append(dict(session.rows[table][1]))
    report = session.compare()
    assert report.counts["duplicated"] == 1, report.text()
    assert report.counts["lost"] == report.counts["altered"] == 0


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("trades", "price"), ("trades", "size"), ("trades", "notional"), ("trades", "side"), ("trades", "count"),
        ("trades", "exchange_ns"), ("quotes", "bid_price"), ("quotes", "ask_size"), ("quotes", "exchange_ns"),
        ("book_deltas", "price"), ("book_deltas", "size"), ("book_deltas", "side"), ("book_deltas", "level"),
        ("book_deltas", "first_update_id"), ("book_deltas", "prev_update_id"), ("funding", "mark_price"),
        ("funding", "funding_rate"), ("funding", "next_funding_ns"), ("liquidations", "position"),
    ],
)  # fmt: skip
def test_altered(session, table, column):
    """One changed digit, side or id is found."""
    _full(session)
    row = session.rows[table][2]
    value = row[column]
    words = {"buy": "sell", "sell": "buy", "bid": "ask", "ask": "bid", "long": "short", "short": "long"}
    row[column] = (
        words[value] if isinstance(value, str) else value + (Decimal("1e-9") if isinstance(value, Decimal) else 1)
    )
    report = session.compare()
    assert report.counts["altered"] == 1, report.text()
    assert report.counts["lost"] == report.counts["duplicated"] == 0


@pytest.mark.parametrize(
    ("table", "column"), [("trades", "trade_id"), ("quotes", "update_id"), ("liquidations", "price")]
)
def test_altered_key(session, table, column):
    """A changed id is a lost frame and a row of no frame."""
    _full(session)
    row = session.rows[table][2]
    row[column] = "1" if isinstance(row[column], str) else row[column] + 10**6
    report = session.compare()
    assert report.counts["altered"] == report.counts["lost"] == 1, report.text()


def test_duplicate_frame_appears_once(session):
    """A frame the venue sends twice is one row; a recorder that keeps both is found."""
    stream = session.market.expected[0].partition(" ")[2]
    session.arm(stream, "duplicate")
    session.play()
    assert session.outlet.counts["duplicates"] == 1
    assert session.compare().clean
    row = session.rows["trades"][0]
    session.rows["trades"].append(dict(row))
    assert session.compare().counts["duplicated"] == 1


@pytest.mark.parametrize("variant", ["broken_json", "not_utf8_text", "huge_number", "missing_field", "negative"])
def test_garbage(session, variant):
    """Garbage is a dead letter with the same bytes; a missing one is lost, changed bytes are found."""
    stream = f"{session.symbols[0].lower()}@markPrice@1s"
    session.arm(stream, "garbage", 1, variant)
    session.play()
    session.play()
    assert session.compare().clean, session.compare().text()
    letter = session.rows["dead_letters"][0]
    sent = base64.b64decode(letter["payload_b64"])
    letter["payload_b64"] = base64.b64encode(sent + b" ").decode()
    report = session.compare()
    assert report.counts["lost"] == report.counts["altered"] == 1
    session.rows["dead_letters"].clear()
    assert session.compare().counts["lost"] == 1


def test_garbage_alike(session):
    """Two frames may be broken off to the same bytes: as many dead letters are asked for, not one for each."""
    stream = f"{session.symbols[0].lower()}@markPrice@1s"
    for _ in range(2):
        session.outlet.armed[f"{MARKET} {stream}"] = Armed("garbage", garble=lambda _frame: (b"{", 1))
        session.play()
        session.play()
    assert len(session.rows["dead_letters"]) == 2
    assert session.compare().clean, session.compare().text()
    letter = session.rows["dead_letters"].pop()
    assert session.compare().counts["lost"] == 1
    session.rows["dead_letters"] += [letter, letter]
    assert session.compare().counts["duplicated"] == 1


def test_snapshots(session):
    """Every REST answer is in the table level for level."""
    symbol = session.symbols[0]
    session.play()
    body = session.market.snapshot_now("binance.usdm", symbol)
    told = {"market": "binance.usdm", "kind": "snapshot", "symbol": symbol, "status": 200, "stale": False}
    session.ledger.event("rest", **told, body=body.decode())
    assert session.compare().counts["lost"] == 1
    told = json.loads(body)
    for side, levels in (("bid", told["bids"]), ("ask", told["asks"])):
        for level, (price, size) in enumerate(levels):
            row = {
                "native_symbol": symbol,
                "side": side,
                "level": level,
                "price": Decimal(price),
                "size": Decimal(size),
            }
            ids = {"last_update_id": told["lastUpdateId"], "exchange_ns": told["T"] * 1_000_000, "received_ns": 1}
            session.rows["book_snapshots"].append({**row, **ids})
    assert session.compare().clean
    session.rows["book_snapshots"][3]["size"] += 1
    assert session.compare().counts["altered"] == 1


def _fetch_one(session, gap_around, **change):
    """Miss a trade that was sent, declare it, and fetch it as a backfill would."""
    _full(session)
    rows = session.rows["trades"]
    gone = next(row for row in rows[3:-3] if row["native_symbol"] == session.symbols[0])
    rows.remove(gone)
    gap = gap_around(session, "trades", session.symbols[0])
    session.rows["gaps"].append({**gap, "revision": 2, "ids_missing": 0, "resolved_by": "backfill"})
    rows.append({**gone, "source": "backfill", "received_ns": gone["received_ns"] + 10**10, "conn": "rest", **change})
    return gone


def test_a_trade_fetched_is_whole_and_its_gap_stays_declared(session, gap_around):
    """It was missed by the stream, so the gap is right, and it is in the table, once."""
    _fetch_one(session, gap_around)
    report = session.compare()
    assert report.clean, report.text()


def test_a_trade_fetched_differently_is_altered(session, gap_around):
    """What was asked for is held to what was sent."""
    _fetch_one(session, gap_around, price=Decimal("1.25"))
    assert session.compare().counts["altered"] == 1


def test_a_trade_fetched_that_never_was_is_altered(session, gap_around):
    """A row of no frame."""
    _fetch_one(session, gap_around, trade_id="999999999999")
    assert session.compare().counts["altered"] == 1


def test_a_trade_received_and_fetched_is_duplicated(session, gap_around):
    """It is in the table twice."""
    gone = _fetch_one(session, gap_around)
    session.rows["trades"].append(gone)
    assert session.compare().counts["duplicated"] == 1


def test_what_several_connections_may_have_made_rows_of():
    """Whole rows of a frame stand once for each of them at most."""
    track = Track("book_deltas")
    track.add(Expected("book_deltas", "A", 7, [("a",), ("b",)]), Status.SENT, 1, 0, injected=False)
    digest = track.digest[0]
    for told, whole in (({}, {1}), ({0: 2}, {1, 2})):
        track.told = told
        assert {n for n in range(4) if _is_whole(track, 0, (2 * n, n * digest))} == whole
        assert not _is_whole(track, 0, (3, digest))
