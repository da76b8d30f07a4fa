"""Producers change while data flows, on real processes: then the tables are held to what was sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoflow.localstack.maven import jars
from cryptoflow.verify.report import FAILURES

pytestmark = [pytest.mark.stack, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = os.environ.get("CRYPTOFLOW_TEST_SCENARIOS", "scale").split(",")
"""All of them take some minutes: replace,scale,early,redundant."""

MARKETS = ("binance.usdm", "bybit.linear", "okx.swap", "kraken.spot")
"""Ids that hold everywhere; a service that starts again; indexes that several replicas follow; no ids at all."""

LIMIT_S = 280


@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tables_do_not_notice_a_change_of_producers(tmp_path: Path, scenario: str) -> None:
    """Nothing is lost, doubled or altered, and no gap reaches further than what was missed."""
    reason = jars.missing()
    if reason:
        pytest.skip(reason)
    words = ["--scenario", scenario, "--symbols", "6", "--rate", "300", "--spacing", "2", "--data-dir", str(tmp_path)]
    command = [sys.executable, "-m", "cryptoflow.chaos", *words, *(f"--market={name}" for name in MARKETS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert len(report["changes"]) == 2
    assert not report["data_ended_before_the_changes"]
    assert report["unexpected"] == []
    assert {kind: report["verify"][kind] for kind in FAILURES} == dict.fromkeys(FAILURES, 0)
    assert report["verify"]["frames"] > 0
