"""What is installed, reachable and misconfigured, each with the fix."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptoflow import show
from cryptoflow.config import Settings
from cryptoflow.errors import CryptoflowError
from cryptoflow.localstack import record
from cryptoflow.localstack.maven import jars

_FREE_LEAST_BYTES = 2 * 1024**3
_OPTIONAL_MARK = "extra =="
_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?\s*(==)?\s*([\w.]+)?")


class State(StrEnum):
    """What a check found; only WRONG and AWAY make the exit code other than 0."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"
    AWAY = "away"


@dataclass(frozen=True)
class Check:
    """Hold one finding and what to do about it."""

    name: str
    state: State
    detail: str
    fix: str = ""


def checks(settings: Settings) -> Iterator[Check]:
    """Look at everything, cheap things first. A check that fails is a finding, never an exception."""
    yield from _packages()
    yield _local_broker()
    yield _installed("ministack", "the S3 Tables stand-in of `up` and `demo`", "cryptoflow[local]")
    yield _query()
    yield _disk(settings)
    yield _local_stack(settings)
    yield from (Check("settings", State.WRONG, *_split(text)) for text in show.problems(settings) if not _unset(text))
    yield _broker(settings)
    yield _catalog(settings)


def exit_code(found: list[Check]) -> int:
    """Return 0 when all is well, 2 when something is wrong here, 3 when something configured does not answer."""
    states = {check.state for check in found}
    return 2 if State.WRONG in states else 3 if State.AWAY in states else 0


def _split(text: str) -> tuple[str, str]:
    detail, _, fix = text.partition("; ")
    return detail, fix


def _unset(text: str) -> bool:
    """Say whether a problem is only that nothing was configured yet, which the last two checks report."""
    return " is not set" in text


def _packages() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("python", State.OK if sys.version_info >= (3, 11) else State.WRONG, version, "")
    for requirement in importlib.metadata.requires("cryptoflow") or ():
        found = _REQUIREMENT.match(requirement)
        if _OPTIONAL_MARK in requirement or found is None:
            continue
        name, exact, wanted = found.group(1), found.group(2), found.group(3)
        try:
            has = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, State.WRONG, "not installed", "pip install -e .")
            continue
        if exact and has != wanted:
            yield Check(name, State.WRONG, f"{has} is installed, {wanted} is needed", "pip install -e .")


def _local_broker() -> Check:
    reason = jars.missing()
    if reason:
        return Check("local broker", State.NOTE, f"mock only: {reason}", "install Java 17 and Maven for a real broker")
    where = "jars in the cache" if jars.is_downloaded() else "jars are downloaded at the first start"
    return Check("local broker", State.OK, f"Kafka {jars.KAFKA_VERSION} on Java {jars.java_version()}, {where}")


def _installed(name: str, purpose: str, extra: str) -> Check:
    if importlib.util.find_spec(name) is None:
        return Check(name, State.NOTE, f"not installed; it is {purpose}", f"pip install '{extra}'")
    return Check(name, State.OK, importlib.metadata.version(name))


def _query() -> Check:
    names = ("duckdb", "duckdb-extensions", *(f"duckdb-extension-{each}" for each in ("avro", "httpfs", "iceberg")))
    try:
        versions = {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as error:
        return Check("query", State.NOTE, f"{error.name} is not installed", "pip install 'cryptoflow[query]'")
    if len(set(versions.values())) > 1:
        return Check("query", State.WRONG, f"versions differ: {versions}", "pip install 'cryptoflow[query]'")
    return Check("query", State.OK, f"duckdb {versions['duckdb']} with its extensions")


def _disk(settings: Settings) -> Check:
    folder = Path(settings.local.data_dir).resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = State.OK if free >= _FREE_LEAST_BYTES else State.NOTE
    return Check(
        "disk", state, f"{free / 1024**3:.1f} GiB free at {folder}", "" if state is State.OK else "free some space"
    )


def _local_stack(settings: Settings) -> Check:
    folder = Path(settings.local.data_dir)
    running = record.read(folder)
    if running is None:
        return Check("local stack", State.OK, f"none runs on {folder}")
    return Check("local stack", State.OK, f"runs on {folder}, broker {running.settings.kafka.bootstrap_servers}")


def _broker(settings: Settings) -> Check:
    if not settings.kafka.bootstrap_servers:
        return Check(
            "broker",
            State.NOTE,
            "not configured; produce, worker and sink refuse to start",
            "set kafka.bootstrap_servers",
        )
    from cryptoflow import topics  # noqa: PLC0415 - slow to import

    def look() -> Check:
        off = [each for each in topics.listed(settings) if each.state != "ok"]
        if off:
            named = ", ".join(f"{each.name} {each.state}" for each in off[:3])
            return Check(
                "broker",
                State.WRONG,
                f"reachable, but {len(off)} topics are not as asked: {named}",
                "run `cryptoflow topics apply`",
            )
        return Check("broker", State.OK, f"{settings.kafka.bootstrap_servers} answers, all topics are there")

    return _tried("broker", look)


def _catalog(settings: Settings) -> Check:
    if not (settings.catalog.warehouse or settings.catalog.uri):
        return Check("catalog", State.NOTE, "not configured; sink refuses to start", "set catalog.warehouse")
    from cryptoflow import tables  # noqa: PLC0415 - slow to import

    def look() -> Check:
        missing = [each.name for each in tables.list_tables(settings) if not each.exists]
        if missing:
            return Check(
                "catalog",
                State.WRONG,
                f"reachable, but tables are missing: {', '.join(missing)}",
                "run `cryptoflow tables apply`",
            )
        return Check("catalog", State.OK, "answers, all tables are there")

    return _tried("catalog", look)


def _tried(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except CryptoflowError as error:
        return Check(name, State.AWAY, error.text, error.fix)
    except Exception as error:  # noqa: BLE001 - drivers raise what they like; the doctor reports it
        return Check(name, State.AWAY, " ".join(f"{type(error).__name__}: {error}".split())[:300])
