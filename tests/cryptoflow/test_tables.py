"""Tables of a deployment, as the CLI asks for them."""

from __future__ import annotations

from pathlib import Path

from sink_campaign import settings_for

from cryptoflow.tables import describe, ensure_tables, list_tables


def test_tables_are_applied_listed_and_described(tmp_path: Path) -> None:
    """The CLI's three questions have answers before and after tables exist."""
    settings = settings_for(tmp_path)
    assert not any(info.exists for info in list_tables(settings))
    names = [info.name for info in ensure_tables(settings)]
    assert names == [info.name for info in list_tables(settings) if info.exists]
    info, table = describe(settings, "trades")
    assert info.rows == 0
    assert table is not None
