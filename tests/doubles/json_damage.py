"""Damage the structure of a JSON text in place: members, elements, kinds of values, spellings of numbers.

Works on the spans of the values in the text, so what is not damaged stays byte for byte. Seeded by the
random source given. It cannot imitate: a text that is no JSON to begin with is damaged in bytes only.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_NUMBER = re.compile(rb'"?(-?)0*([0-9]+)(?:\.([0-9]+))?"?')
_TREES_KEPT = 2048
_NEST_MAX_LEVELS = 600

JUNK = (
    *(b"null", b"true", b"false", b"NaN", b"-Infinity", b"-1", b"-0", b"0", b"1.0", b"1e3", b"1E400", b"1e-30"),
    *(b"5E-1", b"9223372036854775807", b"9223372036854775808", b"1" * 40, b"1" * 5000, b"0." + b"0" * 30 + b"1"),
    *(b'""', b'"1"', b'"-1"', b'"-0"', b'"0"', b'"0e5"', b'"1e2"', b'"00.10"', b'"+1"', b'" 1"', b'"1 "', b'"1_000"'),
    *(b'"NaN"', b'"Infinity"', b'"0x10"', b'"1."', b'".5"', b'"1e+2"', b'"1e-19"', b'"1e30"', b"1e30", b'"1e30"'),
    *(b'"12345678901234567890"', '"\u0661\u0662"'.encode(), '"\uff11.\uff15"'.encode(), '"\u00b2"'.encode()),
    *(b'"\\u0031"', b'"1\\u0000"', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"'),
    *(b"[]", b"{}", b'["1","2"]', b'["1"]', b'[["1","2"]]', b'["1","2","3"]'),
    *(b'"Buy"', b'"Sell"', b'"buy"', b'"sell"', b'"BUY"', b'"bid"', b'"offer"', b'"ask"'),
    *(b'"snapshot"', b'"update"', b'"delta"', b'"1970-01-01T00:00:00Z"', b'"0001-01-01T00:00:00Z"'),
    *(b'"2026-13-45T99:99:99Z"', b'"2026-02-29T00:00:00Z"', b'"2026-09-21T14:13:20.1234567899Z"'),
    *(b'"2026-09-21T14:13:20+02:00"', b'"2026-09-21t14:13:20z"', b'"1790000000000"'),
)
"""Values put in place of others."""

_DIGITS = (0x0660, 0x0966, 0xFF10, 0x1D7CE)
"""The zeros of other scripts: `str.isdigit` is true of them, and `int` reads them."""


class Node(NamedTuple):
    """Hold the span of one value, where its member begins (its key, or itself), its key's end, its container."""

    begin: int
    key_end: int
    start: int
    end: int
    container: int


class Tree(NamedTuple):
    """Hold the values of a text in order, the root first, and the children of the containers."""

    nodes: list[Node]
    children: dict[int, list[int]]


@functools.lru_cache(maxsize=_TREES_KEPT)
def tree(frame: bytes) -> Tree | None:
    """Find the values of a text; None where it is no JSON."""
    nodes: list[Node] = []
    children: dict[int, list[int]] = {}
    open_: list[int] = []
    key: tuple[int, int] | None = None
    for token in _TOKEN.finditer(frame):
        char, start, end = token[0], token.start(), token.end()
        if char in {b"}", b"]"}:
            if not open_:
                return None
            at = open_.pop()
            nodes[at] = nodes[at]._replace(end=end)
        elif char == b",":
            key = None
        elif char != b":":
            held = open_[-1] if open_ else -1
            if held < 0 and nodes:
                return None
            if held >= 0 and key is None and frame[nodes[held].start] == 0x7B:
                key = (start, end)
                continue
            begin, key_end = key or (start, start)
            if held >= 0:
                children[held].append(len(nodes))
            if char in {b"{", b"["}:
                open_.append(len(nodes))
                children[len(nodes)] = []
            nodes.append(Node(begin, key_end, start, end, held))
            key = None
    return Tree(nodes, children) if nodes and not open_ else None


class JsonDamage:
    """Draw structural damage; `others` are the frames pieces are taken from."""

    def __init__(self, draw: random.Random, others: Sequence[bytes]) -> None:
        """Take the source of chance and the frames of the market."""
        self._draw = draw
        self._others = others
        self._ways: tuple[Callable[[bytes, Tree], bytes], ...] = (
            *(self._drop, self._twice, self._again, self._reorder, self._junk, self._junk, self._retype, self._nest),
            *(self._unnest, self._respell, self._respell, self._digits, self._key, self._escape, self._more),
            *(self._graft, self._join, self._exchange, self._space, self._same_value),
        )

    def __call__(self, frame: bytes) -> bytes:
        """Return the frame damaged once."""
        found = tree(frame)
        if found is None or len(found.nodes) < 2:
            return frame
        return self._draw.choice(self._ways)(frame, found)

    def _any(self, found: Tree) -> Node:
        return found.nodes[self._draw.randrange(1, len(found.nodes))]

    def _leaf(self, found: Tree) -> Node:
        leaves = [at for at in range(1, len(found.nodes)) if at not in found.children]
        return found.nodes[self._draw.choice(leaves)] if leaves else self._any(found)

    def _member(self, found: Tree) -> Node:
        for _ in range(8):
            node = self._any(found)
            if node.begin != node.start:
                return node
        return self._any(found)

    def _drop(self, frame: bytes, found: Tree) -> bytes:
        node = self._any(found)
        held = found.children[node.container]
        place = next(at for at, child in enumerate(held) if found.nodes[child] is node)
        if place + 1 < len(held):
            return frame[: node.begin] + frame[found.nodes[held[place + 1]].begin :]
        before = found.nodes[held[place - 1]].end if place else node.begin
        return frame[:before] + frame[node.end :]

    def _twice(self, frame: bytes, found: Tree) -> bytes:
        """Say a member twice: what it says, or something else, before it or after it."""
        node = self._member(found)
        other = frame[node.start : node.end] if self._draw.random() < 0.2 else self._draw.choice(JUNK)
        if self._draw.random() < 0.3:
            leaf = self._leaf(found)
            other = frame[leaf.start : leaf.end]
        said = frame[node.begin : node.start] + other
        if self._draw.random() < 0.5:
            return frame[: node.begin] + said + b"," + frame[node.begin :]
        return frame[: node.end] + b"," + said + frame[node.end :]

    def _again(self, frame: bytes, found: Tree) -> bytes:
        node = self._any(found)
        return frame[: node.end] + b"," + frame[node.begin : node.end] + frame[node.end :]

    def _reorder(self, frame: bytes, found: Tree) -> bytes:
        """Let two members or elements of one container change places."""
        wide = [held for held in found.children.values() if len(held) > 1]
        if not wide:
            return frame
        first, second = (found.nodes[at] for at in sorted(self._draw.sample(self._draw.choice(wide), 2)))
        between = frame[first.end : second.begin]
        return (
            frame[: first.begin] + frame[second.begin : second.end] + between + frame[first.begin : first.end]
            + frame[second.end :]
        )  # fmt: skip

    def _junk(self, frame: bytes, found: Tree) -> bytes:
        node = self._any(found) if self._draw.random() < 0.3 else self._leaf(found)
        return frame[: node.start] + self._draw.choice(JUNK) + frame[node.end :]

    def _retype(self, frame: bytes, found: Tree) -> bytes:
        """Make a number of a text, or a text of a number."""
        node = self._leaf(found)
        value = frame[node.start : node.end]
        other = value[1:-1] if value[:1] == b'"' else b'"%b"' % value
        return frame[: node.start] + (other or b"null") + frame[node.end :]

    def _nest(self, frame: bytes, found: Tree) -> bytes:
        node = self._any(found)
        value = frame[node.start : node.end]
        levels = self._draw.choice((1, 1, 1, 2, 50, _NEST_MAX_LEVELS))
        nested = (
            b"[" * levels + value + b"]" * levels
            if self._draw.random() < 0.6
            else b'{"a":' * levels + value + b"}" * levels
        )
        return frame[: node.start] + nested + frame[node.end :]

    def _unnest(self, frame: bytes, found: Tree) -> bytes:
        """Put a value in place of the container it stands in."""
        node = self._any(found)
        held = found.nodes[node.container]
        return frame[: held.start] + frame[node.start : node.end] + frame[held.end :]

    def _respell(self, frame: bytes, found: Tree) -> bytes:
        """Spell a number another way: mostly of the same value, sometimes of one beyond every column."""
        for _ in range(8):
            node = self._leaf(found)
            told = _NUMBER.fullmatch(frame[node.start : node.end])
            if told:
                break
        else:
            return frame
        sign, number, rest = told[1], told[2], told[3] or b""
        point = b"." + rest if rest else b""
        spelt = self._draw.choice(
            (
                b"%b%b%be-%d" % (sign, number, rest, len(rest)), b"%b%b%bE0" % (sign, number, point),
                b"%b%b%b0" % (sign, number, point or b"."), b"%b00%b%b" % (sign, number, point),
                b"+%b%b" % (number, point), b"-%b%b" % (number, point), b"%b%b." % (sign, number),
                b"%b%b%b%b" % (sign, number, point or b".", b"0" * 40), b"%b%b%be18" % (sign, number, point),
                b"%b%b%be-18" % (sign, number, point), b"%b%b%b" % (sign, b"0" * 60 + number, point),
                b"%b%b%b%b" % (sign, number * 6, point, rest), b" %b%b%b" % (sign, number, point),
                b"%b_%b%b" % (number[:1], number[1:] or b"0", point), b"%b,%b" % (number, rest or b"0"),
            )
        )  # fmt: skip
        quote = b'"' if frame[node.start] == 0x22 else b""
        return frame[: node.start] + quote + spelt + quote + frame[node.end :]

    def _digits(self, frame: bytes, found: Tree) -> bytes:
        """Write a text's digits, or one of them, in another script."""
        node = self._leaf(found)
        value = frame[node.start : node.end].decode("utf-8", "replace")
        zero = self._draw.choice(_DIGITS)
        places = [at for at, char in enumerate(value) if char in "0123456789"]
        chosen = {self._draw.choice(places)} if places and self._draw.random() < 0.6 else set(places)
        other = "".join(chr(zero + int(char)) if at in chosen else char for at, char in enumerate(value))
        return frame[: node.start] + other.encode() + frame[node.end :]

    def _key(self, frame: bytes, found: Tree) -> bytes:
        """Call a member by another's name, or by its own in other letters."""
        node, other = self._member(found), self._member(found)
        name = (
            frame[other.begin : other.key_end]
            if self._draw.random() < 0.6
            else frame[node.begin : node.key_end].swapcase()
        )
        return frame[: node.begin] + name + frame[node.key_end :]

    def _escape(self, frame: bytes, found: Tree) -> bytes:
        """Write one character of a name or text as an escape, which says the same."""
        node = self._member(found)
        start, end = (node.begin, node.key_end) if self._draw.random() < 0.5 else (node.start, node.end)
        if end - start < 3 or frame[start] != 0x22:
            return frame
        at = self._draw.randrange(start + 1, end - 1)
        if frame[at] >= 0x80 or b"\\" in frame[start:end]:
            return frame
        return frame[:at] + b"\\u%04x" % frame[at] + frame[at + 1 :]

    def _more(self, frame: bytes, found: Tree) -> bytes:
        """Add a member nobody knows, which may hold a copy of others."""
        node = self._member(found)
        copied = self._any(found)
        inner = frame[copied.begin : copied.end] if copied.begin != copied.start else b'"a":1'
        extra = b'"%b":%b' % (
            self._draw.choice((b"zz", b"event", b"op", b"method", b"e", b"type", b"id")),
            self._draw.choice((b"{%b}" % inner, b"[{%b}]" % inner, *JUNK[:12], b'"x"')),
        )  # fmt: skip
        return frame[: node.begin] + extra + b"," + frame[node.begin :]

    def _graft(self, frame: bytes, found: Tree) -> bytes:
        """Put a piece of another frame in place of a value: of the same name, where it has one."""
        other = self._draw.choice(self._others)
        theirs = tree(other)
        if theirs is None or len(theirs.nodes) < 2:
            return frame
        node = self._any(found)
        name = frame[node.begin : node.key_end]
        alike = [one for one in theirs.nodes if name and other[one.begin : one.key_end] == name]
        piece = self._draw.choice(alike) if alike else self._any(theirs)
        return frame[: node.start] + other[piece.start : piece.end] + frame[node.end :]

    def _join(self, frame: bytes, found: Tree) -> bytes:
        """Add the elements of another frame's list to a list."""
        other = self._draw.choice(self._others)
        theirs = tree(other)
        lists = [
            found.nodes[at] for at, held in found.children.items() if held and frame[found.nodes[at].start] == 0x5B
        ]
        if theirs is None or not lists:
            return frame
        node = self._draw.choice(lists)
        name = frame[node.begin : node.key_end]
        filled = [theirs.nodes[at] for at, held in theirs.children.items() if held]
        alike = [one for one in filled if other[one.start] == 0x5B and other[one.begin : one.key_end] == name]
        if not alike:
            return frame
        piece = self._draw.choice(alike)
        return frame[: node.end - 1] + b"," + other[piece.start + 1 : piece.end - 1] + frame[node.end - 1 :]

    def _exchange(self, frame: bytes, found: Tree) -> bytes:
        """Let two scalars change places."""
        first, second = sorted((self._leaf(found), self._leaf(found)))
        if first.start == second.start:
            return frame
        between = frame[first.end : second.start]
        return (
            frame[: first.start] + frame[second.start : second.end] + between + frame[first.start : first.end]
            + frame[second.end :]
        )  # fmt: skip

    def _space(self, frame: bytes, found: Tree) -> bytes:
        node = self._any(found)
        at = self._draw.choice((node.begin, node.start, node.end))
        return frame[:at] + self._draw.choice((b" ", b"\n", b"\t ", b"\r\n")) + frame[at:]

    def _same_value(self, frame: bytes, found: Tree) -> bytes:
        """Give a scalar the value of another one."""
        first, second = self._leaf(found), self._leaf(found)
        return frame[: first.start] + frame[second.start : second.end] + frame[first.end :]
