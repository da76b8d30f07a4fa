"""The fault campaign in its short form: real kills of real processes, then the proof."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoflow.chaos.faults import FAIL_POINTS
from cryptoflow.localstack.maven import jars
from cryptoflow.verify.report import FAILURES

pytestmark = [pytest.mark.stack, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("CRYPTOFLOW_TEST_CHAOS_KILLS", "9"))
START_S, PER_KILL_S = 180, 30
"""How long a campaign may take: to start, drain and prove; and for each kill."""


@pytest.mark.timeout(START_S + PER_KILL_S * KILLS + 60)
def test_tables_do_not_notice_a_campaign(tmp_path: Path) -> None:
    """After kills in every role nothing is lost, doubled or altered, and the tables equal an undisturbed run's."""
    reason = jars.missing()
    if reason:
        pytest.skip(reason)
    words = ["--kills", str(KILLS), "--symbols", "10", "--rate", "500", "--data-dir", str(tmp_path)]
    command = [sys.executable, "-m", "cryptoflow.chaos", *words]
    limit_s = START_S + PER_KILL_S * KILLS
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["clean"] is True
    assert report["unexpected"] == []
    assert report["unequal_tables"] == {}
    assert {kind: report["verify"][kind] for kind in FAILURES} == dict.fromkeys(FAILURES, 0)
    assert report["verify"]["frames"] > 0
    kills = report["kills"]
    assert kills["all"] >= KILLS
    assert all(kills[role] > 0 for role in FAIL_POINTS)
    points = {point for role in FAIL_POINTS.values() for point in role}
    assert {name.partition(":")[0] for name in report["fail_points"]} <= points
