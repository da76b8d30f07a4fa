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


def test_frames_without_ids_on_two_connections(tmp_path):
    """What only a second connection is told need not be rows; changes of a book may be rows of each connection."""
    ledger = Ledger(tmp_path)
    ticker, book = "kraken.spot ticker:A/USD", "kraken.spot book@10:A/USD"
    quote = b'{"channel":"ticker","type":"update","data":[{"symbol":"A/USD","bid":%d,"bid_qty":1,"ask":9,"ask_qty":1}]}'
    delta = b'{"channel":"book","type":"update","data":[{"symbol":"A/USD","bids":[{"price":%d,"qty":1}],"asks":[]}]}'
    ledger.sent(b"1", ticker, quote % 1)
    ledger.event("subscribe", conn=1, streams=[ticker, book], silent=[])
    ledger.sent(b"2", ticker, quote % 2)
    ledger.event("subscribe", conn=2, streams=[ticker, book], silent=[])
    for key, frame in ((ticker, quote), (book, delta)):
        ledger.sent(b"1,2", key, frame % 3)
    ledger.event("close", conn=1, by="client")
    ledger.sent(b"2", ticker, quote % 4)
    ledger.close()
    tracks = read_ledger([ledger.path]).tracks
    assert list(tracks["kraken.spot", "quotes", "A/USD"].optional) == [0, 1, 0, 0]
    deltas = tracks["kraken.spot", "book", "A/USD"]
    assert list(deltas.optional) == [0, 1]
    assert [number for _, number in deltas.keys] == [0, 1]


def test_which_updates_broke_their_book(tmp_path):
    """A wrong checksum must be seen everywhere, a crossed book where the venue has nothing else that proves it."""
    ledger = Ledger(tmp_path)
    feed, kraken = "coinbase.exchange level2_batch:A-USD", "kraken.spot book@10:A/USD"
    update = b'{"type":"l2update","product_id":"A-USD","changes":[["buy","2","1"]],"time":"2026-11-20T00:00:00Z"}'
    bids = b'[{"price":1.0,"qty":1.0}]'
    book = b'{"channel":"book","type":"update","data":[{"symbol":"A/USD","bids":%b,"asks":[],"checksum":1}]}' % bids
    for key, frame in ((feed, update), (kraken, book)):
        ledger.sent(b"1", key, frame)
        ledger.event("broken", stream=key, why="crossed")
    ledger.event("broken", stream=kraken, why="checksum")
    ledger.close()
    tracks = read_ledger([ledger.path]).tracks
    assert tracks["coinbase.exchange", "book", "A-USD"].broken == [(0, True)]
    assert tracks["kraken.spot", "book", "A/USD"].broken == [(0, False), (0, True)]


def test_which_frames_came_too_early(tmp_path):
    """A recorder must see it where ids name what is missing, and only there."""
    ledger = Ledger(tmp_path)
    kraken = "kraken.spot trade:A/USD"
    trade = (
        b'{"channel":"trade","type":"update","data":[{"symbol":"A/USD","side":"buy","price":1.0,"qty":1.0,'
        b'"ord_type":"limit","trade_id":%d,"timestamp":"2026-11-20T00:00:00.000000Z"}]}'
    )
    ledger.sent(b"1", kraken, trade % 2)
    ledger.event("broken", stream=kraken, why="reorder")
    ledger.sent(b"1", kraken, trade % 1)
    book = b'{"channel":"book","type":"update","data":[{"symbol":"A/USD","bids":[],"asks":[],"checksum":1}]}'
    ledger.sent(b"1", "kraken.spot book@10:A/USD", book.replace(b'"bids":[]', b'"bids":[{"price":1.0,"qty":1.0}]'))
    ledger.event("broken", stream="kraken.spot book@10:A/USD", why="reorder")
    ledger.close()
    tracks = read_ledger([ledger.path]).tracks
    assert tracks["kraken.spot", "trades", "A/USD"].broken == [(0, True)]
    assert tracks["kraken.spot", "book", "A/USD"].broken == []


def test_ids_that_each_connection_counts_for_itself(tmp_path):
    """A change of a book that two connections were told may be rows of each; other ids hold for all."""
    ledger = Ledger(tmp_path)
    futures, feed = "kraken.futures book:PF_AUSD", "kraken.futures trade:PF_AUSD"
    delta = b'{"feed":"book","product_id":"PF_AUSD","side":"sell","seq":%d,"price":1.0,"qty":2.0,"timestamp":7}'
    fill = b'{"feed":"trade","product_id":"PF_AUSD","uid":"u","side":"sell","type":"fill","time":7,"qty":2,"price":1}'
    for label, number in ((b"1", 4), (b"1,2", 5), (b"1,2,3", 6)):
        ledger.sent(label, futures, delta % number)
    ledger.sent(b"1,2", feed, fill)
    ledger.sent(b"1,2", KEY, FRAME % 1)
    ledger.close()
    tracks = read_ledger([ledger.path]).tracks
    assert tracks["kraken.futures", "book", "PF_AUSD"].told == {1: 2, 2: 3}
    assert tracks["kraken.futures", "trades", "PF_AUSD"].told == tracks["binance.usdm", "quotes", "AUSDT"].told == {}
