"""The jars are in the cache completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cryptoflow.errors import StopError
from cryptoflow.localstack.maven import jars

MAVEN = """#!/bin/sh
mkdir -p lib
{body}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty cache."""
    monkeypatch.setenv("CRYPTOFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder of stand-in programs first on the path; they imitate only what is printed and written."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def program(path: Path, name: str, text: str) -> None:
    """Write an executable script."""
    (path / name).write_text(text, "utf-8")
    (path / name).chmod(0o755)


def test_maven_is_asked_once(cache: Path, path: Path) -> None:
    """The pom names the broker, its tools and a log binding; a second call uses the cache."""
    program(path, "mvn", MAVEN.format(body="cat pom.xml > lib/pom.seen; echo x > lib/kafka_2.13-4.1.1.jar"))
    lib = jars.ensure()
    assert lib == cache / "kafka-4.1.1" / "lib"
    asked = (lib / "pom.seen").read_text("utf-8")
    assert all(f"<artifactId>{name}<" in asked for name in ("kafka_2.13", "kafka-tools", "log4j-slf4j-impl"))
    program(path, "mvn", "#!/bin/sh\nexit 1\n")
    assert jars.ensure() == lib
    assert [each.name for each in cache.iterdir()] == ["kafka-4.1.1"]


def test_a_failed_download_leaves_nothing(cache: Path, path: Path) -> None:
    """Maven's own error is told, and the next try starts fresh."""
    program(path, "mvn", MAVEN.format(body="echo '[ERROR] no route'; exit 1"))
    with pytest.raises(StopError, match="no route; check Maven and the network"):
        jars.ensure()
    assert list(cache.iterdir()) == []
    assert not jars.is_downloaded()


def test_a_cut_off_download_is_replaced(cache: Path, path: Path) -> None:
    """A folder without the broker's jar does not count and does not block."""
    (cache / "kafka-4.1.1" / "lib").mkdir(parents=True)
    program(path, "mvn", MAVEN.format(body="echo x > lib/kafka_2.13-4.1.1.jar"))
    assert jars.ensure().joinpath("kafka_2.13-4.1.1.jar").exists()


@pytest.mark.parametrize(
    ("told", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_402"', 1), ("nonsense", 0)],
)
def test_java_is_asked_for_its_version(path: Path, told: str, version: int) -> None:
    """The major version is read from what Java prints."""
    program(path, "java", f"#!/bin/sh\necho '{told}' >&2\n")
    assert jars.java_version() == version


def test_what_is_missing_is_said(cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Java, no Java and no Maven are three different notes; jars in the cache need no Maven."""
    program(path, "java", "#!/bin/sh\necho 'version \"11.0.1\"' >&2\n")
    assert jars.missing() == "Java 17 is needed, this is Java 11"
    monkeypatch.setattr(jars, "java", lambda: "")
    assert jars.missing() == "Java 17 is needed, none was found"
    monkeypatch.setattr(jars, "java_version", lambda: 21)
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert jars.missing().startswith("Maven was not found")
    (cache / "kafka-4.1.1" / "lib").mkdir(parents=True)
    (cache / "kafka-4.1.1" / "lib" / "kafka_2.13-4.1.1.jar").touch()
    assert jars.missing() == ""
