"""A generated market is consistent with itself."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.usdm_market import usdm_market

START_MS = 1_790_000_000_000
KEYS = ("aggTrade", "trade", "bookTicker", "depth@100ms", "markPrice@1s", "forceOrder")


def _market(seed):
    return usdm_market("SYM0001USDT", seed, KEYS)


def _apply(book, data):
    for side, levels in (("bids", data["b"]), ("asks", data["a"])):
        for price, size in levels:
            if Decimal(size) == 0:
                book[side].pop(Decimal(price), None)
            else:
                book[side][Decimal(price)] = Decimal(size)


def _book(body):
    return {side: {Decimal(p): Decimal(q) for p, q in body[side]} for side in ("bids", "asks")}


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), ask_at=st.integers(0, 400), steps=st.integers(1, 400))
def test_any_snapshot_splices(seed, ask_at, steps):
    """Deltas applied to a snapshot taken at any moment, by PROTOCOLS 3.4, give the true book."""
    market = _market(seed)
    frames, now_ms, body = [], START_MS, None
    for number in range(ask_at + steps):
        now_ms += 7
        if number == ask_at:
            body = json.loads(market.voice.rest_snapshot(1000, now_ms))
        market.step(now_ms, frames)
    market.depth(now_ms + 1, frames)
    deltas = [json.loads(payload)["data"] for stream, payload in frames if "@depth" in stream]
    last, book = body["lastUpdateId"], _book(body)
    deltas = [data for data in deltas if data["u"] >= last]
    assert not deltas or deltas[0]["U"] <= last <= deltas[0]["u"] or deltas[0]["pu"] == last
    previous = None
    for data in deltas:
        assert previous in {None, data["pu"]}
        assert data["U"] > data["pu"]
        previous = data["u"]
        _apply(book, data)
    truth = _book(json.loads(market.voice.rest_snapshot(1000, now_ms)))
    assert book == truth
    assert max(truth["bids"]) < min(truth["asks"])


def test_ids_and_quotes():
    """Ids are as the venue's: contiguous trades, rising quotes, quotes that are the book's best."""
    market = _market(3)
    seen = defaultdict(list)
    now_ms = START_MS
    for _ in range(5000):
        now_ms += 7
        frames = []
        market.step(now_ms, frames)
        for stream, payload in frames:
            seen[stream.partition("@")[2]].append(json.loads(payload)["data"])
        if frames and frames[-1][0].endswith("bookTicker"):
            best = json.loads(market.voice.rest_snapshot(5, now_ms))
            quote = seen["bookTicker"][-1]
            assert [quote["b"], quote["B"]] == best["bids"][0]
            assert [quote["a"], quote["A"]] == best["asks"][0]
    agg = seen["aggTrade"]
    assert [row["a"] for row in agg] == list(range(agg[0]["a"], agg[0]["a"] + len(agg)))
    assert all(after["f"] == before["l"] + 1 for before, after in pairwise(agg))
    fills = seen["trade"]
    assert [row["t"] for row in fills] == list(range(agg[0]["f"], agg[-1]["l"] + 1))
    assert sum(Decimal(row["q"]) for row in fills) == sum(Decimal(row["q"]) for row in agg)
    ids = [row["u"] for row in seen["bookTicker"]]
    assert ids == sorted(set(ids))
    assert len({row["E"] for row in seen["markPrice@1s"]}) == len(seen["markPrice@1s"]) > 20
    assert len({row["o"]["T"] for row in seen["forceOrder"]}) == len(seen["forceOrder"]) > 0
    holes = sum(row["U"] != row["pu"] + 1 for row in seen["depth@100ms"])
    assert holes > 0
