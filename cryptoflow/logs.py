"""Log lines as JSON on stderr, and the root of what can be logged."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, fields
from typing import ClassVar

import orjson
from typing_extensions import override

logger = logging.getLogger("cryptoflow")


class JsonFormatter(logging.Formatter):
    """Format a log record as one JSON object a line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the line; fields of an event become keys."""
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "text": record.getMessage(),
        }
        line.update(getattr(record, "event_fields", {}))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def setup_logging(level: str = "INFO") -> None:
    """Send JSON lines to stderr, in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonFormatter()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Be the root of all events. `level` follows consequence: ERROR means data lost or a person needed."""

    level: ClassVar[int] = logging.INFO
    text: ClassVar[str] = ""

    def emit(self) -> None:
        """Log the event and count it."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        logger.log(self.level, self.text, extra={"event_fields": told})
        self.count()

    def count(self) -> None:
        """Move the event's metric, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEvent(Event):
    """Be an event of one market."""

    exchange: str
    market: str
