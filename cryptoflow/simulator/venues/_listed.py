"""Recorded lists of instruments, made to hold every recorded symbol and to end with their last page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Entries = list[Any] | dict[str, Any]


def completed(
    bodies: Sequence[bytes],
    entries_of: Callable[[Any], Entries],
    name_of: Callable[[Any], str],
    made: Mapping[str, object],
    end: Callable[[Any], bool] = lambda _answer: False,
) -> bytes | None:
    """Return one recorded body as it is when it is whole, else all of them as one; None when none can be read.

    `entries_of` gives the list, or the object by name, inside a decoded answer; `made` are definitions of
    recorded symbols by the name `name_of` an entry, used where no body has one. `end` takes out of an
    answer that another page follows, and tells whether it had to.
    """
    told = [(body, answer) for body in bodies if (answer := _readable(body, entries_of)) is not None]
    found: dict[str, object] = {}
    keys: dict[str, str] = {}
    for body, answer in reversed(told):
        entries = _pairs(entries_of(answer))
        names = {name_of(entry) for _, entry in entries}
        goes_on = end(answer)
        if made.keys() <= names and not goes_on:
            return body
        for key, entry in entries:
            found.setdefault(name_of(entry), entry)
            keys.setdefault(name_of(entry), key)
    if not told:
        return None
    answer = told[-1][1]
    listed = entries_of(answer)
    found |= {name: entry for name, entry in made.items() if name not in found}
    if isinstance(listed, dict):
        listed.clear()
        listed.update({keys.get(name) or name: entry for name, entry in found.items()})
    else:
        listed[:] = found.values()
    return msgspec.json.encode(answer)


def _readable(body: bytes, entries_of: Callable[[Any], Entries]) -> object | None:
    try:
        answer = msgspec.json.decode(body)
        entries_of(answer)
    except (msgspec.DecodeError, LookupError, TypeError):
        return None  # an error answer
    return answer  # type: ignore[no-any-return] # whatever JSON holds


def _pairs(entries: Entries) -> list[tuple[str, Any]]:
    return [*entries.items()] if isinstance(entries, dict) else [("", entry) for entry in entries]
