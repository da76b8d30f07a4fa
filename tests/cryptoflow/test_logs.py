"""A log line is one JSON object."""

from __future__ import annotations

import json
import logging
import sys
import time

from cryptoflow.logs import JsonFormatter


def test_a_line_is_one_json_object() -> None:
    """A log line parses as JSON, in UTC, with the event's fields as keys and a trace on one line."""
    formatter = JsonFormatter()
    formatter.converter = time.gmtime
    try:
        json.loads("{\n")
    except ValueError:
        record = logging.LogRecord("cryptoflow", logging.ERROR, __file__, 1, "went %s", ("wrong",), sys.exc_info())
    record.created, record.msecs = 1_700_000_000.25, 250.0
    record.__dict__["event_fields"] = {"exchange": "kraken"}
    line = formatter.format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["at"], told["level"], told["text"]) == ("2023-11-14T22:13:20.250Z", "ERROR", "went wrong")
    assert told["exchange"] == "kraken"
    assert "JSONDecodeError" in told["trace"]
