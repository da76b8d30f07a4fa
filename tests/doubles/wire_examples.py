"""Hold the structs of a venue's wire to the examples in their own docstrings.

It cannot tell whether an example is what the venue sends: that is what recordings are for.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import msgspec
import pytest

_EXAMPLE = re.compile(r"`([{\[].*?[}\]])`", re.DOTALL)
_ABRIDGED = re.compile(r"[{\[,]\s*…")
WRONG = (None, 1.5, [], {}, True, {"bent": 1})
"""Values of other types than a field has; what a list, a flag or a raw value takes of them is left out."""


def documented(module: ModuleType) -> list[Any]:
    """Return the structs of a module whose docstring shows a whole payload, not an abridged one."""
    structs = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    found = [one for one in structs if _example(one)]
    assert found
    return found


def _example(struct: Any) -> str:
    found = _EXAMPLE.search(struct.__doc__ or "")
    return found[1] if found and not _ABRIDGED.search(found[1]) else ""


def payload(struct: Any) -> bytes:
    """Return the example of a struct's docstring as one line."""
    text = _example(struct)
    assert text
    return "".join(line.strip() for line in text.splitlines()).encode()


def hold_to_example(struct: Any) -> None:
    """Promise that a struct reads its documented example, and `hold_to` it."""
    hold_to(struct, msgspec.json.decode(payload(struct)))


def hold_to(struct: Any, body: Any) -> None:
    """Promise that a struct reads a body, needs every field without a default, and takes no other type for one.

    A field that the venue adds changes nothing (PROTOCOLS 1.8.7).
    """
    plain = _read(struct, body)
    required = [one for one in msgspec.structs.fields(struct) if one.required]
    if isinstance(body, list):
        _refused(struct, body[: len(required) - 1])
        return
    assert _read(struct, {**body, "added": [{"by": "venue"}]}) == plain
    for one in required:
        _refused(struct, {name: value for name, value in body.items() if name != one.encode_name})
        for wrong in WRONG:
            if not _takes(one.type, wrong):
                _refused(struct, {**body, one.encode_name: wrong})


def _read(struct: Any, body: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(body), type=struct)


def _refused(struct: Any, body: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        _read(struct, body)


def _takes(kind: Any, wrong: object) -> bool:
    if kind is msgspec.Raw:
        return True
    return (wrong == [] and "list" in str(kind)) or (wrong is True and kind is bool)
