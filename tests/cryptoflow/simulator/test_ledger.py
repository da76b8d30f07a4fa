"""The ledger's lines."""

from __future__ import annotations

import json

from cryptoflow.simulator.ledger import Ledger


def test_lines(tmp_path):
    """Each kind of line holds what its name says; nothing is written before a flush, events flush."""
    ledger = Ledger(tmp_path)
    key = "binance.usdm a@b"
    ledger.sent(b"1,2", key, b"{1}")
    assert ledger.path.read_bytes() == b""
    ledger.repeated(b"1", key, b"{1}")
    ledger.withheld(b"gap", key, b"{2}")
    ledger.garbage(b"1", key, "negative", b"{3}", b"\xff\n")
    ledger.event("close", conn=1, by="client")
    ledger.close()
    lines = [line.split(b" ", 4) for line in ledger.path.read_bytes().splitlines()]
    assert [(kind, label) for kind, label, *_ in lines] == [
        (b"S", b"1,2"), (b"D", b"1"), (b"W", b"gap"), (b"G", b"1"), (b"J", b"0")
    ]  # fmt: skip
    assert [rest for *_, rest in lines[:3]] == [b"{1}", b"{1}", b"{2}"]
    assert json.loads(lines[3][4]) == {"variant": "negative", "frame": "{3}", "sent_b64": "/wo="}
    assert json.loads(lines[4][4]) == {"ev": "close", "conn": 1, "by": "client"}
    assert all(int(ns) > 10**18 for _, _, ns, *_ in lines)
    assert [market for *_, market, _ in lines] == [b"binance.usdm"] * 4 + [b"-"]
