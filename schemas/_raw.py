"""The raw record: consecutive frames of one symbol, verbatim, as JSON that any Kafka tool reads.

`{"v":1,"exchange":…,"market":…,"symbol":…,"source":…,"frames":[{"c":…,"n":…,"t":…,"k":…,"raw":…}]}`
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated

import msgspec

RAW_VERSION = 1
FRAME_NO_MAX = 2**43 - 1
PART_MAX = 2**20 - 1
"""Bounds of a frame's number and part, so that both fit one 64-bit integer."""

TIME_MAX_NS = 2**63 - 1


class Origin(msgspec.Struct, frozen=True):
    """Say where a replayed record was first written."""

    topic: str
    partition: int
    offset: int


class RawFrame(msgspec.Struct, gc=False, omit_defaults=True):
    """Hold one frame: `c` connection, `n` number on it, `p` part, `t` receive ns, `k` kind.

    (c, n, p) is the frame's identity. `raw` is the frame's own JSON, byte for byte; a frame that is
    not valid UTF-8 JSON has `raw_b64` instead. `m` is what the producer knows beyond the bytes
    (for a REST book snapshot: `requested_ns`, `reason`).
    """

    c: str
    n: Annotated[int, msgspec.Meta(ge=0, le=FRAME_NO_MAX)]
    t: Annotated[int, msgspec.Meta(ge=0, le=TIME_MAX_NS)]
    k: str
    raw: msgspec.Raw = msgspec.Raw()
    raw_b64: str = ""
    p: Annotated[int, msgspec.Meta(ge=0, le=PART_MAX)] = 0
    m: dict[str, str | int] | None = None

    def payload(self) -> bytes:
        """Return the frame's bytes as received. Raises ValueError when `raw_b64` is not base64."""
        return base64.b64decode(self.raw_b64, validate=True) if self.raw_b64 else bytes(self.raw)


class RawRecord(msgspec.Struct, gc=False):
    """Hold one Kafka record of a raw topic."""

    v: int
    exchange: str
    market: str
    symbol: str
    source: str
    frames: list[RawFrame]
    origin: Origin | None = None


class GapEvidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Declare, inside a frame of kind `gap`, what a producer knows it did not see.

    `streams` are the record kinds touched (`trades`, `quotes`, `book`, `funding`, `liquidations`);
    the bounds are receive times in ns: the last moment the streams were heard and the moment they
    are trusted again (0 = not yet). `frames_missing` is -1 when unknown.
    """

    cause: str
    streams: tuple[str, ...]
    from_ns: int
    to_ns: int = 0
    frames_missing: int = -1
    detail: str = ""


class Alive(msgspec.Struct, frozen=True):
    """Say that streams are healthy though they may be silent; silence beyond the limit is a failure."""

    streams: tuple[str, ...]
    silence_limit_ns: int


class Switch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Elect the connection that counts from here on, for frame kinds that do not hold across connections.

    `streams` are stream kinds. Frames of the elected connection received at or before `since_ns` were
    served by its predecessor and are not rows, but for books, whose next snapshot begins anew. 0 says
    nothing: the writer does not see what the predecessor served.
    """

    conn: str
    streams: tuple[str, ...]
    since_ns: int = 0


FEED_SEPARATOR = "/"
LINE_MARK = ":"


def feed_of(conn: str) -> str:
    """Return the label of the redundant feed a connection belongs to: "b" of "b/<uuid>", else ""."""
    return conn.rpartition(FEED_SEPARATOR)[0]


def line_label(feed: str, number: int) -> str:
    """Label one of several connections by which one producer gets the same streams: "b:2", without a feed ":2"."""
    return f"{feed}{LINE_MARK}{number}"


def without_line(label: str) -> str:
    """Return the feed of a label: "b" of "b:2", "" of ":2"."""
    return label.partition(LINE_MARK)[0]


def is_of_feed(label: str, feed: str) -> bool:
    """Tell whether a label is a feed's own or one of its lines; what is said of a feed is said of all its lines."""
    return label == feed or label.startswith(feed + LINE_MARK)


class InstrumentDefinition(msgspec.Struct, frozen=True):
    """Define a symbol from a moment on; a frame of kind `instrument` carries the venue's own JSON.

    `kind` is spot, perpetual or future; decimals are the venue's text. `contract_value` is what one
    unit of the venue's sizes is: in the base asset, or in the quote asset when `inverse`; None where
    it is not known. `index` names the index it follows, `price_decimals` and `size_decimals` how the
    venue prints numbers. `is_trading` says that it has data now. `alias_of` is the native symbol
    whose data the venue sends in its place.
    """

    native_symbol: str
    symbol: str
    base: str
    quote: str
    settle: str
    kind: str
    status: str
    contract_value: str | None = None
    tick_size: str | None = None
    step_size: str | None = None
    expires_ns: int | None = None
    inverse: bool = False
    index: str | None = None
    price_decimals: int | None = None
    size_decimals: int | None = None
    is_trading: bool = True
    alias_of: str | None = None


_decoder = msgspec.json.Decoder(RawRecord)
_frame_tail_encoder = msgspec.json.Encoder()


def decode_raw(value: bytes) -> RawRecord:
    """Decode one raw record. Raises ValueError (msgspec's DecodeError) or RecursionError."""
    record = _decoder.decode(value)
    if record.v != RAW_VERSION:
        msg = f"decoding a raw record: version {record.v} is not {RAW_VERSION}"
        raise ValueError(msg)
    return record


def encode_frame(  # noqa: PLR0913 - one argument per key of the envelope
    conn: str,
    number: int,
    received_ns: int,
    kind: str,
    raw: bytes,
    *,
    valid_json: bool = True,
    part: int = 0,
    meta: dict[str, str | int] | None = None,
) -> bytes:
    """Encode one frame of the envelope; `raw` is spliced in untouched when it is valid JSON.

    `conn` and `kind` are our own plain ASCII names and are not escaped.
    """
    head = b'{"c":"%b","n":%d,"t":%d,"k":"%b"' % (conn.encode(), number, received_ns, kind.encode())
    if part:
        head += b',"p":%d' % part
    if meta is not None:
        head += b',"m":' + _frame_tail_encoder.encode(meta)
    if valid_json:
        return b'%b,"raw":%b}' % (head, raw)
    return b'%b,"raw_b64":"%b"}' % (head, base64.b64encode(raw))


def encode_raw(
    exchange: str,
    market: str,
    symbol: str,
    source: str,
    frames: Sequence[bytes],
    origin: Origin | None = None,
) -> bytes:
    """Encode one raw record from frames made by `encode_frame`."""
    return join_raw(raw_head(exchange, market, symbol, source, origin), frames)


def raw_head(exchange: str, market: str, symbol: str, source: str, origin: Origin | None = None) -> bytes:
    """Encode what stands before the frames of a raw record; it is the same for all records of a symbol."""
    head = msgspec.json.encode(
        {"v": RAW_VERSION, "exchange": exchange, "market": market, "symbol": symbol, "source": source}
    )
    tail = b"" if origin is None else b',"origin":' + msgspec.json.encode(origin)
    return head[:-1] + tail + b',"frames":['


def join_raw(head: bytes, frames: Sequence[bytes]) -> bytes:
    """Put a raw record together from `raw_head` and frames."""
    return b"%b%b]}" % (head, b",".join(frames))


class FrameEncoder:
    """Encode the common frames of one connection: what repeats in them is spelled once.

    The bytes are those of `encode_frame`. `kind` is one of our own few names.
    """

    __slots__ = ("_head", "_kinds")

    def __init__(self, conn: str) -> None:
        """Take the connection's name."""
        self._head = b'{"c":"%b","n":' % conn.encode()
        self._kinds: dict[str, bytes] = {}

    def encode(self, number: int, received_ns: int, kind: str, raw: bytes) -> bytes:
        """Encode a whole frame that is valid JSON and has no meta."""
        named = self._kinds.get(kind)
        if named is None:
            named = self._kinds[kind] = b',"k":"%b","raw":' % kind.encode()
        return b'%b%d,"t":%d%b%b}' % (self._head, number, received_ns, named, raw)
