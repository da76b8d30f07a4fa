"""Wire structs of OKX refuse what would be misread."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.okx import messages
from exchanges.okx.messages import Arg, BookFrame, Level, SnapshotFrame
from tests.doubles.wire_examples import documented, hold_to_example


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


def test_a_level_keeps_two_of_its_places() -> None:
    """Price and size are texts; the deprecated place and the number of orders are passed over (PROTOCOLS 5.4)."""
    assert msgspec.json.decode(b'["60000.0","91","0","7"]', type=Level) == Level("60000.0", "91")


def test_ids_of_sixteen_digits_stay_exact() -> None:
    """A sequence id is an integer and never a float (PROTOCOLS 5.4)."""
    frame = b'{"action":"update","data":[{"asks":[],"bids":[],"ts":"1","prevSeqId":1,"seqId":1779935772619785}]}'
    assert msgspec.json.decode(frame, type=BookFrame).data[0].last_id == 1779935772619785
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(frame.replace(b"619785", b"619785.5"), type=BookFrame)


def test_a_body_and_a_frame_are_one_snapshot() -> None:
    """The REST body has no action; a frame has, and an update is none."""
    body = b'{"code":"0","data":[{"asks":[],"bids":[],"ts":"1","seqId":3}]}'
    assert msgspec.json.decode(body, type=SnapshotFrame).action == "snapshot"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body.replace(b'"code":"0"', b'"action":"update"'), type=SnapshotFrame)


def test_an_argument_names_an_instrument_or_a_type() -> None:
    """Either may be absent."""
    assert msgspec.json.decode(b'{"channel":"books","instId":"BTC-USDT"}', type=Arg).instrument_type == ""
    assert msgspec.json.decode(b'{"channel":"liquidation-orders","instType":"SWAP"}', type=Arg).instrument == ""
