"""The health endpoint over a real socket."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

import cryptoflow
from cryptoflow.health import Facts, HealthServer

LOOPBACK = "127.0.0.1"


class Subject:
    """Be a process whose facts a test sets."""

    def __init__(self) -> None:
        """Begin live, not ready."""
        self.facts: Facts | Exception = Facts(live=True, ready=False, detail={"role": "test"})
        self.status: object | None = None
        self.server = HealthServer(LOOPBACK, 0, self.answer, self.tell)

    def answer(self) -> Facts:
        """Return the facts, or fail."""
        if isinstance(self.facts, Exception):
            raise self.facts
        return self.facts

    def tell(self) -> object | None:
        """Return the status, or fail."""
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def get(self, path: str) -> tuple[int, str]:
        """Ask one path; return status and body."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.server.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def subject() -> Iterator[Subject]:
    """Serve for one test."""
    made = Subject()
    made.server.start()
    yield made
    made.server.stop()


@pytest.mark.parametrize("path", ["/live", "/livez", "/live?verbose", "/live/"])
def test_live_answers_by_the_facts(subject: Subject, path: str) -> None:
    """200 while live, 503 when not, whatever readiness says."""
    assert subject.get(path)[0] == 200
    subject.facts = Facts(live=False, ready=True)
    assert subject.get(path)[0] == 503


@pytest.mark.parametrize("path", ["/ready", "/readyz"])
def test_ready_answers_by_the_facts(subject: Subject, path: str) -> None:
    """503 until ready, then 200."""
    assert subject.get(path)[0] == 503
    subject.facts = Facts(live=True, ready=True)
    assert subject.get(path)[0] == 200


def test_the_answer_says_version_commit_and_start(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both probes tell the same facts."""
    monkeypatch.setenv("CRYPTOFLOW_COMMIT", "abc123")
    told = json.loads(subject.get("/live")[1])
    assert told == json.loads(subject.get("/ready")[1])
    assert told["version"] == cryptoflow.__version__
    assert told["commit"] == "abc123"
    assert told["started_at"].startswith("2")
    assert told["role"] == "test"


def test_facts_that_fail_are_not_live(subject: Subject) -> None:
    """A process that cannot say how it is does not pass for healthy."""
    subject.facts = RuntimeError("broken")
    status, body = subject.get("/live")
    assert status == 503
    assert "broken" in body


def test_metrics_are_prometheus_text(subject: Subject) -> None:
    """A scrape sees our metrics."""
    status, body = subject.get("/metrics")
    assert status == 200
    assert "# TYPE cryptoflow_agent_lag_records gauge" in body


def test_other_paths_are_not_found(subject: Subject) -> None:
    """Nothing else is served."""
    assert subject.get("/")[0] == 404


def test_a_port_in_use_is_an_error(subject: Subject) -> None:
    """A second server on the port fails at once instead of being silently deaf."""
    with pytest.raises(OSError, match="in use"):
        HealthServer(LOOPBACK, subject.server.port, subject.answer)


def test_status_is_what_the_process_says(subject: Subject) -> None:
    """A process that has none answers 404, one that cannot tell 503 with the reason."""
    assert subject.get("/status")[0] == 404
    subject.status = {"streams": [1]}
    code, body = subject.get("/status")
    assert (code, json.loads(body)) == (200, {"streams": [1]})
    subject.status = TimeoutError("busy")
    code, body = subject.get("/status/")
    assert (code, json.loads(body)) == (503, {"error": "TimeoutError('busy')"})
