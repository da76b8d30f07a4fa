"""Plans of tables, resolved from settings."""

from __future__ import annotations

import pytest

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError
from schemas import records
from sinks.iceberg.config import plans


def test_every_record_kind_has_a_plan_by_default() -> None:
    """All tables are on, at 128 MB and 60 s, and read the topic of their kind with its prefix."""
    found = plans(Settings(kafka={"prefix": "prod."}))
    assert {plan.record.name for plan in found} == set(records())
    assert {plan.flush_age_s for plan in found} == {60.0}
    assert {plan.flush_bytes for plan in found} == {134_217_728}
    assert {plan.topic for plan in found if plan.record.name.startswith("book_")} == {"prod.md.book"}


def test_limits_of_a_kind_win_over_the_profile() -> None:
    """The named intervals set the age of snapshots and deltas, `kinds` wins over both."""
    settings = Settings(
        sinks={
            "profile": "low_latency",
            "snapshot_flush_interval_s": 30,
            "delta_flush_interval_s": 2,
            "kinds": {"book_deltas": {"flush_age_s": 1}, "trades": {"flush_rows": 10}},
        }
    )
    found = {plan.record.name: plan for plan in plans(settings)}
    assert found["book_snapshots"].flush_age_s == 30
    assert found["book_deltas"].flush_age_s == 1
    assert found["quotes"].flush_age_s == 5
    assert found["trades"].flush_rows == 10
    assert found["trades"].flush_age_s == 5


@pytest.mark.parametrize("sinks", [{"tables": ["trade"]}, {"kinds": {"trade": {}}}])
def test_an_unknown_kind_is_refused(sinks: dict[str, object]) -> None:
    """A misspelt record kind is an error that lists the right ones."""
    with pytest.raises(ConfigError, match="no record kind trade; choose from bars"):
        plans(Settings(sinks=sinks))
