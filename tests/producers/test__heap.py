"""Lasting objects are left alone, and cycles made later are not."""

from __future__ import annotations

import gc
import weakref

from producers._heap import settled_heap


class Knot:
    """Refer to itself."""

    def __init__(self) -> None:
        """Tie it."""
        self.other = self


def test_a_settled_heap_is_not_walked_over_until_the_end() -> None:
    """What existed before is frozen inside and an ordinary part of the heap afterwards."""
    before = gc.get_freeze_count()
    with settled_heap():
        assert gc.get_freeze_count() > before
        assert len(gc.get_objects()) < gc.get_freeze_count()
    assert gc.get_freeze_count() == 0


def test_cycles_made_later_are_collected() -> None:
    """A connection that ended does not stay in memory."""
    with settled_heap():
        told = weakref.ref(Knot())
        assert told() is not None
        gc.collect()
        assert told() is None
