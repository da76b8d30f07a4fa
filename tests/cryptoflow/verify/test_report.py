"""What a comparison says."""

from __future__ import annotations

import json

from cryptoflow.verify import Report
from cryptoflow.verify.report import EXAMPLES_MAX, FAILURES


def test_report():
    """Counts add up, examples are the first few, and any failure spoils the run."""
    report = Report(rows={"trades": 3}, frames=4)
    assert report.clean
    report.notes["quiet"] += 1
    assert report.clean
    for number in range(10):
        report.fail("lost", f"frame {number}", 2)
    plain = json.loads(json.dumps(report.plain()))
    assert not report.clean
    assert plain["lost"] == 20
    assert plain["examples"]["lost"] == [f"frame {number}" for number in range(EXAMPLES_MAX)]
    assert {*FAILURES, "gaps", "rows", "frames"} <= plain.keys()
    assert "lost: 20" in report.text()
    assert report.text().endswith("NOT clean")
