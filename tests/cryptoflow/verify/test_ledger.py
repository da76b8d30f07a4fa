"""Reading the ledger back."""

from __future__ import annotations

from cryptoflow.simulator.ledger import Ledger
from cryptoflow.verify.ledger import read_ledger
from cryptoflow.verify.tracks import Status

KEY = "binance.usdm ausdt@bookTicker"
FRAME = (
    b'{"stream":"ausdt@bookTicker","data":{"e":"bookTicker","u":%d,"s":"AUSDT","b":"1","B":"1","a":"2","A":"1","T":1}}'
)


def test_tracks(tmp_path):
    """Frames are in the order made with what became of them; sent once is sent."""
    ledger = Ledger(tmp_path)
    ledger.event("subscribe", conn=1, streams=[KEY], silent=[])
    ledger.sent(b"1,2", KEY, FRAME % 1)
    ledger.withheld(b"down", KEY, FRAME % 2)
    ledger.withheld(b"silence", KEY, FRAME % 3)
    ledger.garbage(b"1", KEY, "negative", FRAME % 4, b"x")
    ledger.sent(b"1", KEY, FRAME % 2)
    ledger.repeated(b"1", KEY, FRAME % 2)
    ledger.event("close", conn=1, by="client")
    ledger.close()
    read = read_ledger([ledger.path])
    track = read.tracks["binance.usdm", "quotes", "AUSDT"]
    assert track.keys == [1, 2, 3, 4]
    assert list(track.status) == [Status.SENT, Status.SENT, Status.HELD, Status.GARBAGE]
    assert (read.frames, read.withheld) == (5, 2)
    assert read.garbage[0].payload_b64 == "eA=="
    assert len(track.down) == 1
    assert track.down[0][1] is None
    assert read.reread(track.where[0], 1, "quotes", "AUSDT").key == 1


def test_cut_off_line(tmp_path):
    """A last line cut off by a crash is ignored."""
    ledger = Ledger(tmp_path)
    ledger.sent(b"1", KEY, FRAME % 1)
    ledger.close()
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[: len(whole) // 2])
    assert read_ledger([ledger.path]).frames == 1


def test_times_without_a_subscriber(tmp_path):
    """A stream is down from the last close to the next subscription."""
    ledger = Ledger(tmp_path)
    ledger.sent(b"1", KEY, FRAME % 1)
    for conn in (1, 2):
        ledger.event("subscribe", conn=conn, streams=[KEY], silent=[])
    ledger.event("close", conn=1, by="client")
    ledger.event("unsubscribe", conn=2, streams=[KEY])
    ledger.event("subscribe", conn=3, streams=[KEY], silent=[])
    ledger.close()
    ((since, until),) = read_ledger([ledger.path]).tracks["binance.usdm", "quotes", "AUSDT"].down
    assert since < until


def test_half_of_a_garbage_frame_may_be_whole(tmp_path):
    """Of a frame that serves two kinds one may be readable: its rows may be there, under the key of a sent frame."""
    ledger = Ledger(tmp_path)
    ticker = b'{"feed":"ticker","product_id":"PF_AUSD","time":1,"bid":1,"ask":2,"markPrice":1}'
    ledger.garbage(b"1", "kraken.futures ticker:PF_AUSD", "negative", ticker, b"x")
    ledger.garbage(b"1", KEY, "negative", FRAME % 1, b"x")
    ledger.close()
    tracks = read_ledger([ledger.path]).tracks
    for kind in ("quotes", "funding"):
        track = tracks["kraken.futures", kind, "PF_AUSD"]
        assert (list(track.status), list(track.optional)) == ([Status.GARBAGE], [1])
        assert track.keys[0][1] == 0
    assert list(tracks["binance.usdm", "quotes", "AUSDT"].optional) == [0]
