"""The module around pyiceberg: settings to clients, limits on requests, what a commit writes."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sink_campaign import settings_for

from cryptoflow.config import Catalog, Settings
from cryptoflow.errors import ConfigError
from schemas import records
from sinks.iceberg import catalog as ice
from sinks.iceberg.tables import ensure_namespace, ensure_table


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"kind": "s3tables"}, "catalog.warehouse"),
        ({"kind": "rest", "warehouse": "w"}, "catalog.uri"),
        ({"kind": "sql", "warehouse": "w"}, "catalog.uri"),
    ],
)
def test_missing_settings_are_named(values: dict[str, str], text: str) -> None:
    """Each missing address is one line that says what to set."""
    with pytest.raises(ConfigError, match=text):
        ice.connect(Settings(catalog=Catalog.model_validate(values)))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer the configuration, then as told: hang, or ask to wait."""

    mode = "hang"

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.startswith("/v1/config"):
            self._send(200, b'{"defaults":{},"overrides":{}}')
        elif self.mode == "hang":
            time.sleep(3)
        else:
            self._send(503, b"", {"Retry-After": "7"})

    do_HEAD = do_GET  # noqa: N815

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """Serve on loopback."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def rest(uri: str) -> ice.Catalog:
    """Connect a REST catalog with a short limit."""
    values = {"kind": "rest", "uri": uri, "warehouse": "w", "http_timeout_s": 0.3}
    return ice.connect(Settings(catalog=Catalog.model_validate(values)))


def test_every_request_ends_in_time(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that accepts and never answers is a timeout, not a hang."""
    monkeypatch.setattr(Handler, "mode", "hang")
    catalog = rest(server)
    began = time.monotonic()
    with pytest.raises(Exception, match="timed out"):
        catalog.load_table(("n", "t"))
    assert time.monotonic() - began < 2.5


def test_a_catalog_that_asks_to_wait_is_heard(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry-After of a 503 is what the next attempt waits for."""
    monkeypatch.setattr(Handler, "mode", "busy")
    catalog = rest(server)
    assert ice.retry_after_s(catalog) == 0
    with pytest.raises(Exception, match="Service"):
        catalog.load_table(("n", "t"))
    assert ice.retry_after_s(catalog) == 7


def test_an_append_sets_snapshot_and_properties_together(tmp_path: Path) -> None:
    """One request: a stale handle is refused whole, and its manifest then lands on the reloaded table."""
    settings = settings_for(tmp_path)
    catalog = ice.connect(settings)
    ensure_namespace(settings, catalog)
    table, _ = ensure_table(settings, catalog, records()["trades"])
    stale = catalog.load_table(table.name())
    ice.append(table, ice.new_snapshot_id(), [], [], {"a": "1"}, {"p": "first"})
    with pytest.raises(ice.CommitFailedException):
        ice.append(stale, ice.new_snapshot_id(), [], [], {}, {"p": "second"})
    found = catalog.load_table(table.name())
    assert found.properties["p"] == "first"
    assert len(found.metadata.snapshots) == 1
    assert ice.retry_after_s(catalog) == 0


def test_a_cast_of_every_table_schema_has_field_ids(tmp_path: Path) -> None:
    """The Arrow schema of a table carries the declared ids."""
    settings = settings_for(tmp_path)
    catalog = ice.connect(settings)
    ensure_namespace(settings, catalog)
    table, _ = ensure_table(settings, catalog, records()["books"])
    ids = {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in ice.arrow_schema(table)}
    assert ids == {f.name: f.id for f in records()["books"].columns}
