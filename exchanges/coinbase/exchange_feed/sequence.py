"""Coinbase Exchange feed: when a book is whole, and how missing trades are fetched. PROTOCOLS 6.1.4, 6.1.5.

Updates have no ids and the connection counts no frames: order and completeness are the socket's own.
What proves a loss are the disconnect and the silence, both declared by the producer, and a book that is
crossed. By the venue's documents `level2_batch` is delivered whole, while `matches` may miss one: its ids tell.
"""

from __future__ import annotations

import msgspec

from exchanges._book import BookState, CrossCheck, DeltaVerdict, SnapshotVerdict
from exchanges._exchange import RestRequest, TradeFill
from exchanges.coinbase.exchange_feed.messages import Number
from exchanges.coinbase.exchange_feed.streams import REST_WEIGHT

TRADES_MAX = 1000
"""Trades of one answer: the largest page."""


class ExchangeFeedBookRules:
    """Judge updates and snapshots of one product in log order (PROTOCOLS 6.1.5).

    A book is valid from a snapshot on its own stream until a gap. A REST book is no beginning: it has
    a sequence that the updates do not have, so it cannot be spliced.
    """

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Take an update in the order it came; the ids are all -1 (PROTOCOLS 6.1.5, rule 2)."""
        del first, last, prev
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Begin a new chain at a snapshot of the book's own stream (PROTOCOLS 6.1.5, rule 1)."""
        del last
        if in_stream:
            state.valid = True
        return SnapshotVerdict.SPLICED if state.valid else SnapshotVerdict.STALE

    def on_gap(self, state: BookState) -> None:
        """Forget the book: frames were lost (PROTOCOLS 6.1.5, rule 4)."""
        state.forget_chain()


CROSS_CHECK = CrossCheck("PROTOCOLS 6.1.5", levels_max=1000)
"""A crossed book has missed an update (PROTOCOLS 6.1.5, rule 3c): orders that cross are matched first.

Only an auction holds such orders; PROTOCOLS says nothing of it (!), so a snapshot that is crossed is taken.
Of tens of thousands of levels those near the best price decide.
"""


class _Numbered(msgspec.Struct, gc=False):
    trade_id: Number


_entries = msgspec.json.Decoder(list[msgspec.Raw])
_numbered = msgspec.json.Decoder(_Numbered)


def _trades_request(symbol: str, from_id: int) -> RestRequest:
    # `after` is exclusive and answers with the newest below it, so a page begins at the id wanted.
    query = {"after": str(from_id + TRADES_MAX), "limit": str(TRADES_MAX)}
    return RestRequest(f"/products/{symbol}/trades", query, REST_WEIGHT)


def _trades(_symbol: str, body: bytes) -> list[tuple[int, bytes]]:
    entries = [bytes(raw) for raw in _entries.decode(body)]
    return sorted((_numbered.decode(entry).trade_id, entry) for entry in entries)


TRADE_FILL = TradeFill(_trades_request, _trades, TRADES_MAX)
"""Ids are contiguous within a product (PROTOCOLS 6.1.4), so a missing one can be asked for."""
