"""Keep the books of venues that need them to tell a broken one, and look at each after every frame.

Some send a sum over the book (PROTOCOLS 7.1.5), one has nothing better than that a bid stands below the
asks (PROTOCOLS 6.1.5). A sum that does not match, or a book that is crossed, breaks it at its frame,
with a gap and a request; the next snapshot of the stream heals it. A frame without a sum, or of a
symbol whose decimals are not known, proves nothing and is no mismatch. Books of other venues are not
kept here and cost nothing.
"""

from __future__ import annotations

from typing import Any

from agents._levels import KeptBook
from agents._operator import Operator
from agents._run import Run
from agents._symbol import Symbol
from agents._turn import Hole, Turn
from exchanges import BookCheck, Market, Precisions, StreamKind, saw

BOOK = StreamKind.BOOK.value
OK, MISMATCH, ABSENT = "ok", "mismatch", "absent"
"""What a frame's sum says of the book."""

STREAM = "stream"
"""Key of a frame's `m`: the name of the stream a snapshot came on."""

COLUMNS = ("side", "price", "size")


def _step(state: KeptBook, turn: Turn) -> None:
    market = turn.market
    if market is None or not market.keeps_book:
        return
    if turn.broke:
        state.forget()
    if turn.dead is not None:
        return
    if turn.begun:
        state.begin(_depth(market, str((turn.frame.m or {}).get(STREAM, ""))))
    elif not (state.sound and turn.applied):
        return  # also an update of another connection, behind the snapshot that the book began with
    state.apply(zip(*(turn.cells(name) for name in COLUMNS), strict=True))
    if market.book_check is not None:
        _prove(state, turn, market.book_check)
    if state.sound and market.cross_check is not None:
        crossing = state.crossing(begun=turn.begun)
        if crossing:
            _break(state, turn, "crossed", crossing)
        elif state.given_crossed and turn.begun:
            saw(market.cross_check.rule, "a snapshot is crossed: its book is taken as the venue's own")


def _depth(market: Market, stream: str) -> int | None:
    """Return the levels per side that are kept; None for as many as there may be."""
    depths = [market.book_check.depth(stream)] if market.book_check is not None else []
    depths += [market.cross_check.levels_max] if market.cross_check is not None else []
    return min((depth for depth in depths if depth is not None), default=None)


def _prove(state: KeptBook, turn: Turn, check: BookCheck) -> None:
    told = turn.cells("checksum")
    verdict, expected = _verify(state, check, turn.symbol, told[0] if told else None)
    turn.effects.checksums[turn.symbol.exchange, turn.symbol.market_name, verdict] += 1
    if verdict == MISMATCH:
        _break(state, turn, "checksum", f"the sum is {told[0]}, the book's {expected}")


def _break(state: KeptBook, turn: Turn, cause: str, detail: str) -> None:
    """End the book at this frame: for continuity, too."""
    turn.holes.append(Hole(BOOK, cause, detail=detail))
    if turn.market is not None and turn.book is not None:
        turn.market.book_rules.on_gap(turn.book)
    turn.broke, turn.spliced = True, False
    turn.ask_reseed()
    state.forget()


def _verify(state: KeptBook, check: BookCheck, symbol: Symbol, told: int | None) -> tuple[str, int | None]:
    terms = symbol.terms
    expected = None if told is None else state.checksum(check, Precisions(terms.price_decimals, terms.size_decimals))
    if expected is None:
        return ABSENT, None
    return (OK if expected == told else MISMATCH), expected


def _quiet(state: KeptBook, run: Run) -> KeptBook | None:
    market = run.market
    if market is None or not market.keeps_book or not state.sound or BOOK not in run.spans:
        return state
    symbol, group, kept = run.views[0].symbol, run.groups[BOOK], state.copy()
    for first, last in run.spans[BOOK]:
        told: list[Any] = group.cells("checksum", first, last) or [None] * (last - first)
        for entry, one in enumerate(told, first):
            kept.apply(zip(*(group.cells(name, entry, entry + 1) for name in COLUMNS), strict=True))
            if market.book_check is not None:
                verdict, _ = _verify(kept, market.book_check, symbol, one)
                if verdict == MISMATCH:
                    return None
                run.checksums[symbol.exchange, symbol.market_name, verdict] += 1
            if market.cross_check is not None and kept.crossing(begun=False):
                return None
    return kept


OPERATOR = Operator("maintain_books", 35, KeptBook, _step, _quiet)
