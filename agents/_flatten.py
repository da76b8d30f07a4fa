"""Decode the frames of a group together and build their columns; find the frames that cannot be rows.

Stateless. The whole group is tried first as one JSON array; only when that fails is it read frame by
frame, so a bad frame costs its call some time and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import xxhash

from agents._batch import SNAPSHOT, Batch
from agents._group import Dead, Group
from exchanges import Parser, StreamKind

MESSAGE_MAX_CHARS = 300
"""Characters kept of an error's text."""

NO_ID = -1
"""Stands for the id of a row that has none; such a row is never a repeat."""

ID_MAX_DIGITS = 18
"""Digits of an ordered id sent as text, so that it fits 64 bits."""

BOOK_KINDS = frozenset({StreamKind.BOOK.value, SNAPSHOT})

UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What reading bytes of a venue may raise; anything else is a fault of ours and ends the process."""


def why_unreadable(stage: str, error: BaseException) -> Dead:
    """Describe an error raised while reading a frame."""
    text = str(error).splitlines()
    return Dead(stage, type(error).__name__, text[0][:MESSAGE_MAX_CHARS] if text else "")


@functools.cache
def _decoders(message: Any) -> tuple[Callable[[bytes], list[Any]], Callable[[bytes], Any]]:
    return msgspec.json.Decoder(list[message]).decode, msgspec.json.Decoder(message).decode


def flatten(batch: Batch, group: Group) -> None:
    """Decode a group, append it to its columns, and build them.

    Afterwards every entry of the group has a count in its columns (0 for a dead frame), and
    `batch.dead` names the frames that could not be read or have a cell that does not fit.
    """
    messages = _decode(batch, group)
    if messages is None or not _append(group, messages):
        _one_by_one(batch, group)
    elif group.parser.unlisted_id is not None:
        _note_unlisted(group, messages)
    group.batch, bad = group.columns.build()
    for cell in bad:
        batch.dead.setdefault(cell.frame, Dead("cell", "bad_cell", f"{cell.reason}: {cell.value}", cell.column))
    if group.kind not in BOOK_KINDS and (group.parser.id_column or group.parser.composite_id):
        _read_ids(batch, group)


def _decode(batch: Batch, group: Group) -> list[Any] | None:
    frames = batch.frames
    raws = [frames[ordinal].raw for ordinal in group.ordinals]
    try:
        messages = _decoders(group.parser.message)[0](b"[%b]" % b",".join(raws))
    except (ValueError, RecursionError):
        return None
    # A frame without `raw`, or with raw_b64, must not shift its neighbours.
    return messages if len(messages) == len(raws) else None


def _append(group: Group, messages: list[Any]) -> bool:
    try:
        group.parser.append(messages, group.ordinals, group.columns)
    except UNREADABLE:
        group.columns = type(group.columns)(group.columns.topic)
        return False
    return True


def _one_by_one(batch: Batch, group: Group) -> None:
    decode = _decoders(group.parser.message)[1]
    for entry, ordinal in enumerate(group.ordinals):
        if ordinal in batch.dead:
            group.columns.extend([ordinal], [0], {})
            continue
        try:
            message = decode(batch.frames[ordinal].payload())
            if batch.frames[ordinal].raw_b64:
                # Decoding skips what no row needs; the producer has looked at every byte.
                raise ValueError("reading a frame: it is not one valid UTF-8 JSON value")
            _append_one(group.parser, message, ordinal, group)
        except UNREADABLE as error:
            batch.dead[ordinal] = why_unreadable("frame", error)
            group.columns.extend([ordinal], [0], {})
            continue
        if group.parser.unlisted_id is not None:
            unlisted = group.parser.unlisted_id(message)
            if unlisted is not None:
                group.unlisted[entry] = unlisted


def _append_one(parser: Parser, message: Any, ordinal: int, group: Group) -> None:
    # Tried on columns of its own first: a frame that fails half-way must leave nothing behind.
    parser.append([message], [ordinal], type(group.columns)(group.columns.topic))
    parser.append([message], [ordinal], group.columns)


def _note_unlisted(group: Group, messages: list[Any]) -> None:
    unlisted_id = group.parser.unlisted_id
    if unlisted_id is None or 0 not in group.columns.counts:
        return
    for entry, count in enumerate(group.columns.counts):
        if count == 0:
            unlisted = unlisted_id(messages[entry])
            if unlisted is not None:
                group.unlisted[entry] = unlisted


def _read_ids(batch: Batch, group: Group) -> None:
    """Set `group.ids`: numbers for ordered ids, hashes for others, NO_ID for a row without one.

    A frame whose ordered id is no number is dead. Books are judged by their own rules.
    """
    parser, columns = group.parser, group.columns
    if parser.composite_id:
        cells = (columns.values[name] or [None] * columns.rows for name in parser.composite_id)
        group.ids = [xxhash.xxh3_64_intdigest("\x1f".join(map(str, row))) for row in zip(*cells, strict=True)]
        return
    values = columns.values[parser.id_column]
    if not parser.ordered:
        group.ids = [NO_ID if value is None else xxhash.xxh3_64_intdigest(str(value)) for value in values]
    elif all(type(value) is int for value in values):
        group.ids = values
    else:
        group.ids = [NO_ID] * columns.rows
        for entry, ordinal in enumerate(group.ordinals):
            for row in range(*group.rows_of(entry, entry + 1)):
                if not _is_number(values[row] if values else None):
                    told = str(values[row] if values else None)[:MESSAGE_MAX_CHARS]
                    batch.dead.setdefault(ordinal, Dead("cell", "bad_id", f"not a number: {told}", parser.id_column))
                else:
                    group.ids[row] = int(values[row])


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= ID_MAX_DIGITS
    return isinstance(value, int)
