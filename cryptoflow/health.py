"""The health endpoint of a process: /metrics, /live, /ready, /status, on loopback unless told otherwise."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import prometheus_client
from typing_extensions import override

import cryptoflow
from cryptoflow.clock import iso, now_ns

_REQUEST_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold what a process says of itself; `detail` is shown with both answers."""

    live: bool
    ready: bool
    detail: dict[str, object] = field(default_factory=dict)


class HealthServer:
    """Answer in a thread of its own, so that a blocked process still says that it is not live.

    `/live` and `/livez` answer 200 or 503, as do `/ready` and `/readyz`, all with the same JSON:
    version, commit, start time and the process's detail. `/metrics` is Prometheus text. `/status` is
    what `status` returns, 503 when that raises, 404 when there is none.
    """

    def __init__(
        self, bind: str, port: int, facts: Callable[[], Facts], status: Callable[[], object | None] = lambda: None
    ) -> None:
        """Bind; port 0 takes a free one (`port` then tells which). Raises OSError when taken."""
        self._server = http.server.ThreadingHTTPServer((bind, port), _handler(facts, status, iso(now_ns())))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _handler(
    facts: Callable[[], Facts], status: Callable[[], object | None], started_at: str
) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answer one request."""

        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            """Answer a probe or a scrape."""
            path = self.path.partition("?")[0].rstrip("/")
            if path == "/metrics":
                self._answer(200, prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest())
            elif path in {"/live", "/livez", "/ready", "/readyz"}:
                self._probe(live=path.startswith("/live"))
            elif path == "/status":
                self._answer(*_status_answer(status))
            else:
                self._answer(404, "text/plain", b"not found\n")

        def _probe(self, *, live: bool) -> None:
            try:
                found = facts()
            except Exception as error:  # noqa: BLE001 - a probe must be answered; what failed is the answer
                found = Facts(live=False, ready=False, detail={"error": repr(error)})
            told = {
                "live": found.live,
                "ready": found.ready,
                "version": cryptoflow.__version__,
                "commit": commit(),
                "started_at": started_at,
                **found.detail,
            }
            good = found.live if live else found.ready
            self._answer(200 if good else 503, "application/json", orjson.dumps(told, default=str) + b"\n")

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Stay silent: probes come every few seconds."""

    return Handler


def _status_answer(status: Callable[[], object | None]) -> tuple[int, str, bytes]:
    """Return code, content type and body of the answer to `/status`."""
    try:
        found = status()
    except Exception as error:  # noqa: BLE001 - whoever asks is told; what failed is the answer
        return 503, "application/json", orjson.dumps({"error": repr(error)}) + b"\n"
    if found is None:
        return 404, "text/plain", b"not found\n"
    return 200, "application/json", orjson.dumps(found, default=str) + b"\n"


def commit() -> str:
    """Return the commit the build was made from, as the image's CRYPTOFLOW_COMMIT says; empty when unknown."""
    return os.environ.get("CRYPTOFLOW_COMMIT", "")
