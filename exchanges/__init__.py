"""What each venue says: one folder per venue, pure functions and values; no sockets, no Kafka, no clock."""

from exchanges._book import BookRules, BookState, DeltaVerdict, SnapshotVerdict
from exchanges._exchange import (
    Ack,
    Endpoint,
    Exchange,
    Market,
    Parser,
    Peek,
    RestRequest,
    Routed,
    RouteError,
    Stream,
    StreamKind,
)

__all__ = [
    "Ack",
    "BookRules",
    "BookState",
    "DeltaVerdict",
    "Endpoint",
    "Exchange",
    "Market",
    "Parser",
    "Peek",
    "RestRequest",
    "RouteError",
    "Routed",
    "SnapshotVerdict",
    "Stream",
    "StreamKind",
]
