"""What flows: record kinds, the raw envelope, topics and tables. Imports nothing of ours."""

from schemas._catalog import Topic, records, topic_of, topics
from schemas._columns import BadCell, Columns
from schemas._md import Mark, MdHeader, Verdict, decode_md, encode_md
from schemas._raw import (
    FEED_SEPARATOR,
    RAW_VERSION,
    Alive,
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
    line_label,
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
    "line_label",
    "records",
    "topic_of",
    "topics",
]
