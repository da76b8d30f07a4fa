"""What flows: record kinds, the raw envelope, topics and tables. Imports nothing of ours."""

from schemas._catalog import Topic, records, topic_of, topics
from schemas._columns import BadCell, Columns
from schemas._md import Mark, MdHeader, Verdict, decode_md, encode_md
from schemas._raw import (
    FEED_SEPARATOR,
    RAW_VERSION,
    Alive,
    FrameEncoder,
    GapEvidence,
    InstrumentDefinition,
    Origin,
    RawFrame,
    RawRecord,
    Switch,
    decode_raw,
    encode_frame,
    encode_raw,
    feed_of,
    is_of_feed,
    join_raw,
    line_label,
    raw_head,
)
from schemas._record import COMMON, Record
from schemas._types import Field, Type

__all__ = [
    "COMMON",
    "FEED_SEPARATOR",
    "RAW_VERSION",
    "Alive",
    "BadCell",
    "Columns",
    "Field",
    "FrameEncoder",
    "GapEvidence",
    "InstrumentDefinition",
    "Mark",
    "MdHeader",
    "Origin",
    "RawFrame",
    "RawRecord",
    "Record",
    "Switch",
    "Topic",
    "Type",
    "Verdict",
    "decode_md",
    "decode_raw",
    "encode_frame",
    "encode_md",
    "encode_raw",
    "feed_of",
    "is_of_feed",
    "join_raw",
    "line_label",
    "raw_head",
    "records",
    "topic_of",
    "topics",
]
