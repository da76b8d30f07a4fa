"""The book rules of OKX, one by one. PROTOCOLS 5.5."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.okx.sequence import BEHIND_MAX, PENDING_MAX_DELTAS, RECENT_MAX_IDS, LegacyBookRules, OkxBookRules

APPLIED, BUFFERED, OLD, BREAK = DeltaVerdict.APPLIED, DeltaVerdict.BUFFERED, DeltaVerdict.OLD, DeltaVerdict.BREAK
SPLICED, WAITING, STALE = SnapshotVerdict.SPLICED, SnapshotVerdict.WAITING, SnapshotVerdict.STALE


class Book:
    """Follow one book."""

    def __init__(self, *, snapshot: int | None = None, rules: OkxBookRules | None = None) -> None:
        """Start with nothing, or with a snapshot of the stream."""
        self.rules, self.state = rules or OkxBookRules(), BookState()
        if snapshot is not None:
            assert self.snapshot(snapshot) is SPLICED

    def deltas(self, *ids: tuple[int, int]) -> list[DeltaVerdict]:
        """Take updates given as (prevSeqId, seqId)."""
        return [self.rules.on_delta(self.state, -1, last, prev) for prev, last in ids]

    def snapshot(self, last: int) -> SnapshotVerdict:
        """Take a snapshot of the stream."""
        return self.rules.on_snapshot(self.state, last, in_stream=True)

    def fetched(self, last: int) -> SnapshotVerdict:
        """Take a snapshot fetched over REST."""
        return self.rules.on_snapshot(self.state, last)


def test_a_snapshot_begins_the_chain() -> None:
    """5.5.1 and 5.5.2: each update names its predecessor."""
    book = Book(snapshot=10)
    assert book.deltas((10, 13), (13, 14)) == [APPLIED, APPLIED]
    assert (book.state.valid, book.state.last, book.state.high) == (True, 14, 14)


def test_a_keep_alive_changes_nothing() -> None:
    """5.5.3: it proves that nothing was missed; one of another id proves the contrary."""
    book = Book(snapshot=10)
    assert book.deltas((10, 10), (10, 13), (13, 13), (13, 13)) == [APPLIED] * 4
    assert book.deltas((10, 10)) == [BUFFERED]  # of a connection that lags
    assert book.state.valid
    assert book.deltas((15, 15)) == [BREAK]
    assert not book.state.valid


def test_a_keep_alive_tells_where_a_new_chain_stands() -> None:
    """5.5.3: a quiet book is spliced without waiting for its next change."""
    book = Book()
    assert book.deltas((10, 10)) == [BUFFERED]
    assert book.fetched(10) is SPLICED
    waiting = Book()
    assert waiting.fetched(10) is WAITING
    assert waiting.deltas((10, 10)) == [APPLIED]


def test_a_maintenance_sets_ids_back() -> None:
    """5.5.4: a lower id that names its predecessor is the next update."""
    book = Book(snapshot=1000)
    assert book.deltas((1000, 5), (5, 8), (8, 12)) == [APPLIED] * 3
    assert book.state.valid


def test_an_update_after_a_lost_reset_is_a_gap() -> None:
    """5.5.4, 5.5.6: a lower id alone is not a reset."""
    assert Book(snapshot=1000).deltas((5, 8)) == [BREAK]


def test_a_repeat_is_known() -> None:
    """5.5.5: of the newest update, of older ones, and of one that set the ids back."""
    book = Book(snapshot=10)
    book.deltas((10, 13), (13, 14), (14, 3), (3, 4))
    assert book.deltas((3, 4), (13, 14), (14, 3), (10, 13)) == [OLD] * 4
    assert (book.state.valid, book.state.last) == (True, 4)


def test_an_update_that_ends_where_the_book_stands_changes_nothing() -> None:
    """5.5.5: it was never taken, so it is a row; the snapshot contains it."""
    book = Book(snapshot=10)
    assert book.deltas((8, 10), (8, 10), (10, 13)) == [BUFFERED, OLD, APPLIED]


def test_anything_else_is_a_gap() -> None:
    """5.5.6: the book is invalid until a new snapshot; updates still in flight are kept."""
    book = Book(snapshot=10)
    assert book.deltas((10, 13), (15, 17), (17, 19)) == [APPLIED, BREAK, BUFFERED]
    assert not book.state.valid
    assert book.snapshot(21) is SPLICED
    assert book.deltas((19, 21), (21, 23)) == [BUFFERED, APPLIED]


def test_updates_behind_another_connections_snapshot_are_rows() -> None:
    """They go on from the old chain and lie behind the new one; the first to reach beyond carries the book on."""
    book = Book(snapshot=10)
    assert book.snapshot(20) is SPLICED
    assert book.deltas((10, 15), (15, 18)) == [BUFFERED, BUFFERED]
    assert book.state.last == 20
    assert book.deltas((18, 22), (20, 25), (22, 25)) == [APPLIED, APPLIED, BUFFERED]
    assert (book.state.valid, book.state.last) == (True, 25)


def test_several_connections_may_be_behind() -> None:
    """Each goes on from where it ended until it comes to what another has brought, or beyond the book."""
    book = Book(snapshot=10)
    book.deltas((10, 12))
    assert [book.snapshot(20), book.snapshot(30)] == [SPLICED, SPLICED]
    assert book.deltas((20, 22), (12, 15), (22, 26), (15, 20), (20, 22)) == [BUFFERED] * 4 + [OLD]
    assert book.deltas((30, 33), (26, 30), (30, 33)) == [APPLIED, BUFFERED, OLD]
    assert book.state.pending == []


def test_a_snapshot_behind_the_book_may_be_of_one_more_connection() -> None:
    """It lies where updates are awaited from a connection that is behind, and so do the updates that follow it."""
    book = Book(snapshot=10)
    book.snapshot(30)
    assert book.snapshot(20) is SPLICED
    assert book.state.last == 30
    assert book.deltas((20, 25), (30, 33), (10, 20), (25, 30), (33, 34)) == [
        BUFFERED, APPLIED, BUFFERED, BUFFERED, APPLIED,
    ]  # fmt: skip


@pytest.mark.parametrize("snapshot", [9, 31])
def test_a_snapshot_where_nothing_is_awaited_begins_the_book_anew(snapshot: int) -> None:
    """Below all that is known, or between two updates taken: ids were set back unheard (PROTOCOLS 5.5.4)."""
    book = Book(snapshot=10)
    book.snapshot(30)
    book.deltas((30, 33))
    assert book.snapshot(snapshot) is SPLICED
    assert book.state.last == snapshot


def test_ids_set_back_end_what_is_behind() -> None:
    """The chains behind have the ids of before: none of them carries a book of other ids on."""
    book = Book(snapshot=10)
    book.snapshot(30)
    assert book.deltas((30, 5), (10, 12)) == [APPLIED, BREAK]


def test_so_many_connections_are_followed() -> None:
    """The state is bounded; who has been behind for longest is forgotten, and breaks the book."""
    book = Book(snapshot=10)
    for number in range(1, BEHIND_MAX + 2):
        book.snapshot(10 + 10 * number)
    assert len(book.state.pending) == BEHIND_MAX
    assert book.deltas((20, 21), (10, 11)) == [BUFFERED, BREAK]


def test_an_overlapping_connection_repeats_the_chain() -> None:
    """A snapshot that the chain contains changes nothing; what follows it are repeats, then news."""
    book = Book(snapshot=10)
    book.deltas((10, 13), (13, 14))
    assert book.snapshot(13) is SPLICED
    assert book.state.last == 14
    assert book.deltas((13, 14), (14, 20)) == [OLD, APPLIED]


def test_a_snapshot_taken_earlier_is_followed_by_updates_seen() -> None:
    """After a gap an update taken before is the next one where it continues the new chain."""
    book = Book(snapshot=10)
    book.deltas((10, 13), (13, 14))
    book.rules.on_gap(book.state)
    assert book.snapshot(10) is SPLICED
    assert book.deltas((10, 13), (13, 14), (14, 15)) == [APPLIED] * 3


def test_ids_that_come_back_are_not_trusted() -> None:
    """An old update that looks like the next one after a reset proves nothing: the book begins anew."""
    book = Book(snapshot=5)
    book.deltas((5, 8), (8, 11), (11, 5))
    assert book.deltas((5, 8)) == [BREAK]


def test_ids_that_came_back_prove_nothing_behind_the_chain() -> None:
    """After a reset an update that ends at the book's id may be of either numbering."""
    book = Book(snapshot=9)
    book.deltas((9, 3), (3, 5))
    assert book.deltas((4, 5)) == [BREAK]


@pytest.mark.parametrize(
    ("snapshot", "told"), [(7, STALE), (10, SPLICED), (11, SPLICED), (13, SPLICED), (20, SPLICED), (21, WAITING)]
)
def test_a_rest_book_joins_the_chain(snapshot: int, told: SnapshotVerdict) -> None:
    """It may stand at an id of the channel or between two: ids are one space (PROTOCOLS 5.5)."""
    book = Book()
    book.deltas((10, 13), (13, 20))
    assert book.fetched(snapshot) is told
    assert book.state.valid is (told is SPLICED)


def test_a_rest_book_waits_for_its_update() -> None:
    """Until then updates lie behind it; an update beyond it says that one is missing."""
    book = Book()
    book.deltas((10, 13))
    assert book.fetched(16) is WAITING
    assert book.deltas((13, 15), (15, 17)) == [BUFFERED, APPLIED]
    late = Book()
    assert late.fetched(16) is WAITING
    assert late.deltas((18, 20)) == [BREAK]
    assert not late.state.valid


def test_ids_set_back_while_a_snapshot_is_awaited_begin_anew() -> None:
    """Kept updates are told from contained ones by their ids, which then tell nothing."""
    book = Book()
    assert book.deltas((10, 13), (13, 2), (2, 4)) == [BUFFERED, BREAK, BUFFERED]
    assert book.fetched(2) is SPLICED


def test_a_rest_book_changes_no_valid_one() -> None:
    """Periodic snapshots are rows, nothing else."""
    book = Book(snapshot=10)
    before = book.state.last
    assert book.fetched(500) is SPLICED
    assert (book.state.valid, book.state.last) == (True, before)


def test_what_is_remembered_has_bounds() -> None:
    """Ids and updates kept stay within their limits, also after a reset, which is forgotten in the end."""
    book = Book()
    book.deltas(*((number, number + 1) for number in range(PENDING_MAX_DELTAS + 50)))
    assert len(book.state.pending) == PENDING_MAX_DELTAS
    assert len(book.state.recent) <= RECENT_MAX_IDS
    book = Book(snapshot=10_000)
    book.deltas((10_000, 3))
    assert book.state.recent[0] == -2
    book.deltas(*((number, number + 1) for number in range(3, 2 * RECENT_MAX_IDS)))
    assert len(book.state.recent) <= RECENT_MAX_IDS + 1
    assert min(book.state.recent) >= -1


def test_a_book_without_ids_rests_on_its_snapshot() -> None:
    """5.5.7: the checksum proves it; a REST book without an id joins nothing."""
    book = Book(rules=LegacyBookRules())
    assert book.deltas((-1, -1)) == [BUFFERED]
    assert book.fetched(-1) is STALE
    assert book.snapshot(-1) is SPLICED
    assert book.deltas((-1, -1)) == [APPLIED]
    assert book.fetched(-1) is SPLICED
    book.rules.on_gap(book.state)
    assert book.deltas((-1, -1)) == [BUFFERED]


def test_a_legacy_book_with_ids_is_proven_by_them() -> None:
    """Where the years overlap the ids count."""
    book = Book(rules=LegacyBookRules(), snapshot=10)
    assert book.deltas((10, 12), (15, 16)) == [APPLIED, BREAK]
