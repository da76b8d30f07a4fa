"""Apache Kafka's own jars: downloaded once with Maven into a cache folder, complete or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cryptoflow.errors import StopError

KAFKA_VERSION = "4.1.1"
JAVA_LEAST = 17
_DOWNLOAD_TIMEOUT_S = 600.0
_JARS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),  # StorageTool needs it
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),  # without a binding the broker logs nothing
)


def cache_dir() -> Path:
    """Return the folder of downloaded programs: CRYPTOFLOW_CACHE, else the user's cache."""
    chosen = os.environ.get("CRYPTOFLOW_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptoflow"


def lib_dir() -> Path:
    """Return where the broker's jars are, or will be."""
    return cache_dir() / f"kafka-{KAFKA_VERSION}" / "lib"


def java() -> str:
    """Return the Java program of JAVA_HOME or the path, empty when there is none."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java") or ""


def java_version() -> int:
    """Return the major version of Java, 0 when there is none."""
    program = java()
    if not program:
        return 0
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - the user's Java
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', told.stderr + told.stdout)
    return int(found.group(1)) if found else 0


def missing() -> str:
    """Say why the real broker cannot run here, in a few words; empty when it can."""
    version = java_version()
    if version < JAVA_LEAST:
        return f"Java {JAVA_LEAST} is needed, {f'this is Java {version}' if version else 'none was found'}"
    if not is_downloaded() and not shutil.which("mvn"):
        return "Maven was not found, and the broker's jars are not in the cache"
    return ""


def is_downloaded() -> bool:
    """Return True when the jars are in the cache."""
    return any(lib_dir().glob("kafka_2.13-*.jar"))


def ensure() -> Path:
    """Return the folder of the jars, downloading them once. Raises StopError with Maven's own words."""
    lib = lib_dir()
    if is_downloaded():
        return lib
    lib.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kafka-", dir=lib.parent.parent) as temporary:
        fresh = Path(temporary) / "kafka"
        fresh.mkdir()
        (fresh / "pom.xml").write_text(_pom(), "utf-8")
        command = ["mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
        try:
            done = subprocess.run(  # noqa: S603 - fixed words
                command, cwd=fresh, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StopError(f"downloading Kafka {KAFKA_VERSION}: {error}", fix="check Maven and the network") from error
        if done.returncode or not any((fresh / "lib").glob("kafka_2.13-*.jar")):
            words = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["Maven failed"]
            raise StopError(f"downloading Kafka {KAFKA_VERSION}: {words[0][:300]}", fix="check Maven and the network")
        _publish(fresh, lib.parent)
    return lib


def _publish(fresh: Path, final: Path) -> None:
    """Rename the complete folder into place; whoever came first wins."""
    if final.exists() and not is_downloaded():
        shutil.rmtree(final)
    try:
        fresh.rename(final)
    except OSError:
        if not is_downloaded():
            raise


def _pom() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in _JARS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>cryptoflow</groupId><artifactId>broker</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )
