"""A name at the head of a frame counts only when nothing behind it can say another one."""

from __future__ import annotations

import pytest

from exchanges._names import is_plain, is_said_once

HEAD = b'{"topic":"AAA"'
KEY = b'"topic"'


@pytest.mark.parametrize(
    ("rest", "once"),
    [
        (b',"x":1}', True),
        (b',"topic_2":1}', True),
        (b',"topic":"BBB"}', False),
        (b',"topic" : "BBB"}', False),
        (b',"\\u0074opic":"BBB"}', False),
        (b',"x":"a\\"b"}', False),
    ],
)
def test_a_key_counts_as_said_once_only_where_no_reader_could_see_another(rest: bytes, once: bool) -> None:
    """Another mention, or an escape that may hide one, sends the frame to a full decode."""
    assert is_said_once(HEAD + rest, KEY, len(HEAD)) is once


def test_a_frame_with_an_escape_is_not_plain() -> None:
    """Any escape may spell a name."""
    assert is_plain(b'{"a":"b"}')
    assert not is_plain(b'{"a":"\\u0062"}')
