"""Each class of failure is planted and must be found; a correct run must be clean."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from itertools import pairwise

import pytest

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
    stream = session.market.expected[0]
    session.arm(stream, "duplicate")
    session.play()
    assert session.outlet.counts["duplicates"] == 1
    assert session.compare().clean
    row = session.rows["trades"][0]
    session.rows["trades"].append(dict(row))
    assert session.compare().counts["duplicated"] == 1


@pytest.mark.parametrize(("channel", "table"), [("aggTrade", "trades"), ("depth@100ms", "book_deltas")])
def test_gap_declared(session, gap_around, channel, table):
    """A gap on purpose is clean when it is declared with its ids and undeclared when it is not."""
    symbol = session.market.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@{channel}", "gap", 2)
    session.play(1500)
    assert session.compare().counts["undeclared_gaps"] == 1
    gap_around(session, table, symbol)
    report = session.compare()
    assert report.clean, report.text()
    assert report.gaps == 1


@pytest.mark.parametrize(("channel", "table"), [("aggTrade", "trades"), ("depth@100ms", "book_deltas")])
@pytest.mark.parametrize("told", [{"from_id": 5}, {"to_id": 5}, {"ids_missing": 99}, {"from_id": None}])
def test_gap_with_wrong_ids(session, gap_around, channel, table, told):
    """A gap that names other ids than those missing is misdeclared."""
    symbol = session.market.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@{channel}", "gap")
    session.play(1500)
    gap_around(session, table, symbol, **told)
    assert session.compare().counts["misdeclared_gaps"] == 1


def test_gap_in_two(session, gap_around):
    """One hole with two gap ids is misdeclared."""
    symbol = session.market.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap", 3)
    session.play()
    gap = gap_around(session, "trades", symbol)
    session.rows["gaps"].append({**gap, "gap_id": "other"})
    assert session.compare().counts["misdeclared_gaps"] == 1


@pytest.mark.parametrize("bound", ["from_ns", "to_ns"])
def test_gap_too_long(session, gap_around, bound):
    """A gap that takes in frames that were received is overlong."""
    symbol = session.market.symbols[0]
    session.play(2000)
    session.arm(f"{symbol.lower()}@aggTrade", "gap", 3)
    session.play(2000)
    gap = gap_around(session, "trades", symbol, cause="restart")
    gap[bound] += 100_000_000 * (1 if bound == "to_ns" else -1)
    report = session.compare()
    assert report.counts["overlong_gaps"] == 1, report.text()


def test_gap_never_closed(session, gap_around):
    """A gap left open although frames went on is overlong."""
    symbol = session.market.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap")
    session.play()
    gap_around(session, "trades", symbol)
    session.rows["gaps"][0]["to_ns"] = None
    assert session.compare().counts["overlong_gaps"] == 1


def test_gap_of_nothing(session):
    """A gap where nothing was missed is overlong."""
    symbol = session.market.symbols[0]
    session.play()
    rows = [row for row in session.rows["trades"] if row["native_symbol"] == symbol]
    session.declare(symbol, "trades", rows[3]["received_ns"], rows[4]["received_ns"])
    assert session.compare().counts["overlong_gaps"] == 1


def test_gap_twice(session, gap_around):
    """A gap row that stands twice is duplicated."""
    symbol = session.market.symbols[0]
    session.play()
    session.arm(f"{symbol.lower()}@aggTrade", "gap")
    session.play()
    session.rows["gaps"].append(dict(gap_around(session, "trades", symbol)))
    assert session.compare().counts["duplicated"] == 1


def test_down(session):
    """Frames nobody was subscribed to must lie in a declared gap, of quotes too."""
    symbol = session.market.symbols[0]
    stream = f"{symbol.lower()}@bookTicker"
    session.play()
    listeners = session.hub.routes.pop(stream)
    session.play(50)
    session.hub.routes[stream] = listeners
    session.play()
    assert session.compare().counts["undeclared_gaps"] == 1
    rows = [row for row in session.rows["quotes"] if row["native_symbol"] == symbol]
    pairs = list(pairwise(rows))
    before, after = max(pairs, key=lambda pair: pair[1]["received_ns"] - pair[0]["received_ns"])
    session.declare(symbol, "quotes", before["received_ns"], after["received_ns"], cause="disconnect")
    report = session.compare()
    assert report.clean, report.text()


@pytest.mark.parametrize("variant", ["broken_json", "not_utf8_text", "huge_number", "missing_field", "negative"])
def test_garbage(session, variant):
    """Garbage is a dead letter with the same bytes; a missing one is lost, changed bytes are found."""
    stream = f"{session.market.symbols[0].lower()}@markPrice@1s"
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


def test_snapshots(session):
    """Every REST answer is in the table level for level."""
    symbol = session.market.symbols[0]
    session.play()
    body = session.market.snapshot_now(symbol)
    session.ledger.event("rest", path="depth", symbol=symbol, status=200, stale=False, body=body.decode())
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
