"""The stand-in keeps its tables over a clean stop and listens on loopback only."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from cryptoflow.config import Catalog, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack.standin import StandIn
from cryptoflow.localstack.supervise import Supervisor
from cryptoflow.tables import ensure_tables, list_tables


def listeners(port: int) -> set[str]:
    """Return the local addresses that listen on a port, as the kernel writes them."""
    rows = [
        line.split()
        for path in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(path).read_text("utf-8").splitlines()
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


@pytest.mark.stack
def test_tables_survive_a_clean_stop(tmp_path: Path) -> None:
    """What was created is there after a restart on the same folder, in another process on another port."""
    owner = Supervisor(tmp_path / "logs")
    try:
        first = StandIn(tmp_path / "data", owner)
        settings = Settings(catalog=Catalog.model_validate(first.start()))
        assert listeners(first.port) == {"0100007F"}
        ensure_tables(settings)
        first.stop()
        assert not first.alive()
        second = StandIn(tmp_path / "data", owner)
        values = second.start()
        assert values["warehouse"] == settings.catalog.warehouse
        again = list_tables(Settings(catalog=Catalog.model_validate(values)))
        assert all(table.exists for table in again)
    finally:
        owner.stop()


def test_the_version_is_the_one_known_to_work() -> None:
    """Facts about the stand-in hold for one version; another is to be tried before it is taken."""
    assert importlib.metadata.version("ministack") == "1.5.33"


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix names the extra."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ConfigError, match=r"ministack is not installed; .*cryptoflow\[local\]"):
        StandIn(tmp_path, Supervisor(tmp_path)).start()
