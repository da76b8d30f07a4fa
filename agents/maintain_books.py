"""Keep the books of venues that send a sum over them, and prove each frame by it (PROTOCOLS 7.1.5).

A sum that does not match breaks the book at its frame, with a gap and a request; the next snapshot of
the stream heals it. A frame without a sum, or of a symbol whose decimals are not known, proves nothing
and is no mismatch. Books of other venues are not kept here and cost nothing.
"""

from __future__ import annotations

from typing import Any

from agents._levels import KeptBook
from agents._operator import Operator
from agents._run import Run
from agents._symbol import Symbol
from agents._turn import Hole, Turn
from exchanges import BookCheck, Precisions, StreamKind

BOOK = StreamKind.BOOK.value
OK, MISMATCH, ABSENT = "ok", "mismatch", "absent"
"""What a frame's sum says of the book."""

STREAM = "stream"
"""Key of a frame's `m`: the name of the stream a snapshot came on."""

COLUMNS = ("side", "price", "size")


def _step(state: KeptBook, turn: Turn) -> None:
    market = turn.market
    check = market.book_check if market else None
    if market is None or check is None:
        return
    if turn.broke:
        state.forget()
    if turn.dead is not None:
        return
    if turn.begun:
        state.begin(check.depth(str((turn.frame.m or {}).get(STREAM, ""))))
    elif not (state.sound and turn.applied):
        return  # also an update of another connection, behind the snapshot that the book began with
    state.apply(zip(*(turn.cells(name) for name in COLUMNS), strict=True))
    told = turn.cells("checksum")
    verdict, expected = _verify(state, check, turn.symbol, told[0] if told else None)
    turn.effects.checksums[turn.symbol.exchange, turn.symbol.market_name, verdict] += 1
    if verdict == MISMATCH and turn.book is not None:
        turn.holes.append(Hole(BOOK, "checksum", detail=f"the sum is {told[0]}, the book's {expected}"))
        market.book_rules.on_gap(turn.book)
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
    if market is None or market.book_check is None or not state.sound or BOOK not in run.spans:
        return state
    symbol, group, kept = run.views[0].symbol, run.groups[BOOK], state.copy()
    for first, last in run.spans[BOOK]:
        told: list[Any] = group.cells("checksum", first, last) or [None] * (last - first)
        for entry, one in enumerate(told, first):
            kept.apply(zip(*(group.cells(name, entry, entry + 1) for name in COLUMNS), strict=True))
            verdict, _ = _verify(kept, market.book_check, symbol, one)
            if verdict == MISMATCH:
                return None
            run.checksums[symbol.exchange, symbol.market_name, verdict] += 1
    return kept


OPERATOR = Operator("maintain_books", 35, KeptBook, _step, _quiet)
