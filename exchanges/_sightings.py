"""First sightings of what PROTOCOLS marks as unverified (!): met or broken, told once each.

Reading a venue stays pure: a sighting changes no result. The process that reads drains them and logs.
"""

from __future__ import annotations

SIGHTINGS_MAX = 1024
"""Sightings remembered; each is told once per process."""

_told: set[tuple[str, str]] = set()
_fresh: list[tuple[str, str]] = []


def saw(rule: str, what: str) -> None:
    """Note that an unverified rule was met or broken: `saw("PROTOCOLS 4.6.5", "u is not last + 1")`."""
    told = (rule, what)
    if told not in _told and len(_told) < SIGHTINGS_MAX:
        _told.add(told)
        _fresh.append(told)


def drain() -> list[tuple[str, str]]:
    """Return the sightings not returned before; one thread drains."""
    found: list[tuple[str, str]] = []
    while _fresh:
        found.append(_fresh.pop(0))
    return found
