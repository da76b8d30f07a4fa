"""Kraken's older asset names are mapped, and nothing else."""

from __future__ import annotations

import pytest

from exchanges.kraken._aliases import ERROR_TEXT_MAX_CHARS, asset, refusal


@pytest.mark.parametrize(
    ("name", "want"),
    [("XBT", "BTC"), ("xbt", "BTC"), ("XDG", "DOGE"), ("BTC", "BTC"), ("XXBT", "XXBT"), ("eth", "ETH"), ("", "")],
)
def test_assets_have_their_usual_names(name: str, want: str) -> None:
    """XBT is BTC and XDG is DOGE, in either case; a prefixed REST name is not guessed at."""
    assert asset(name) == want


@pytest.mark.parametrize(
    ("body", "want"),
    [
        (b'{"error":["EAPI:Rate limit exceeded"]}', "EAPI:Rate limit exceeded"),
        (b'{"error":["EGeneral:Invalid arguments","EAPI:Rate limit exceeded"],"result":{}}', None),
        (b'{"error":["WGeneral:Note"],"result":{}}', ""),
        (b'{"error":[],"result":{}}', ""),
        (b'{"result":"error","error":"apiLimitExceeded","serverTime":"2026-09-21T14:13:20.000Z"}', "apiLimitExceeded"),
        (b'{"result":"success","instruments":[]}', ""),
        (b'{"error":7}', ""),
        (b"<html>", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_errors_come_with_status_200(body: bytes, want: str | None) -> None:
    """The rate limit stands in the body; warnings and what is no answer are no refusal."""
    told = refusal(body)
    assert told == want if want is not None else "EAPI:Rate limit exceeded" in told


def test_a_long_refusal_is_cut() -> None:
    """The text kept of a refusal is bounded."""
    assert len(refusal(b'{"error":["E%b"]}' % (b"x" * 10_000))) == ERROR_TEXT_MAX_CHARS
