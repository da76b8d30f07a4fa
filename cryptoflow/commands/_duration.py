"""Spans of time as people write them: `90s`, `10m`, `1h30m`."""

from __future__ import annotations

import re

import click
from typing_extensions import override

_UNITS_S = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


class Duration(click.ParamType):
    """Read a span as seconds; a bare number is of seconds."""

    name = "duration"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, above 0."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            text += "s"
        if not _WHOLE.fullmatch(text):
            self.fail(f"{value} is no span of time such as 90s, 10m or 1h30m", param, ctx)
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
        if seconds <= 0:
            self.fail(f"{value} is no time at all", param, ctx)
        return seconds
