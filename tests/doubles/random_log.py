"""Turn lists of small numbers into raw logs of three symbols on two markets, with every trouble a feed has."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.doubles.random_feed import ACTIONS, CALM, Feed
from tests.doubles.random_scoped import SCOPED_ACTIONS, ScopedFeed
from tests.doubles.raw_frames import Log, Record

MARKETS = {"AB": "m", "EF": "s", "CD": "m"}
"""The market of each symbol."""

SYMBOLS = tuple(MARKETS)
ACTIONS_MAX = max(len(ACTIONS), len(SCOPED_ACTIONS))
Step = tuple[int, int, int, int]
"""(symbol, action, argument, frames that stay together): all reduced by modulo."""


def make_steps(seed: int, count: int, calm: int) -> list[Step]:
    """Draw steps; of a hundred frames about `calm` are the next trade, quote or delta of a healthy feed."""
    draw = random.Random(seed)
    steps = []
    for _ in range(count):
        action = draw.randrange(len(CALM)) if draw.randrange(100) < calm else draw.randrange(ACTIONS_MAX)
        steps.append((draw.randrange(60), action, draw.randrange(60), draw.randrange(4)))
    return steps


def make_log(steps: Sequence[Step]) -> list[Record]:
    """Write the frames of all steps into raw records; a few records are unreadable."""
    log = Log()
    feeds = {symbol: (ScopedFeed if market == "s" else Feed)(log) for symbol, market in MARKETS.items()}
    waiting: dict[str, list[bytes]] = {symbol: [] for symbol in SYMBOLS}
    for which, action, argument, together in steps:
        symbol = SYMBOLS[which % len(SYMBOLS)]
        waiting[symbol].append(feeds[symbol].act(action, argument))
        if len(waiting[symbol]) > together % 4:
            offset = log.add(*waiting[symbol], symbol=symbol, market=MARKETS[symbol])
            waiting[symbol] = []
            if action == argument == 0:
                log.records[offset] = (offset, log.records[offset][1], b'{"v":1,')
    for symbol, frames in waiting.items():
        log.add(*frames, symbol=symbol, market=MARKETS[symbol])
    return log.records
