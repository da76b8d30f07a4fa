"""What a running stack leaves in its data directory, so that other commands find it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr, TypeAdapter

from cryptoflow.config import Settings

_RECORD = "stack.json"
_CONFIG = "settings.yaml"
_HEALTH = "health.json"


@dataclass(frozen=True)
class StackRecord:
    """Say who runs the stack and how to reach it; the only keys in it are the stand-in's fixed ones."""

    pid: int
    children: dict[str, int]
    settings: Settings
    warning: str = ""


def config_path(data_dir: Path) -> Path:
    """Return the settings file of the stack's processes; it stays after a stop."""
    return data_dir / _CONFIG


def write(data_dir: Path, stack: StackRecord) -> None:
    """Write the record and the settings file, each complete or not at all."""
    values = plain(stack.settings.model_dump())
    _replace(config_path(data_dir), yaml.safe_dump(values, sort_keys=False))
    told = {
        "pid": stack.pid,
        "started": _started(stack.pid),
        "children": stack.children,
        "bootstrap_servers": stack.settings.kafka.bootstrap_servers,
        "catalog_uri": stack.settings.catalog.uri,
        "warning": stack.warning,
        "settings": values,
    }
    _replace(data_dir / _RECORD, json.dumps(told, indent=2) + "\n")


def read(data_dir: Path) -> StackRecord | None:
    """Return the record of the stack that runs on a directory, None when none runs."""
    try:
        told = json.loads((data_dir / _RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    # A process id is reused; its start time is not.
    if not told.get("started") or _started(told["pid"]) != told["started"]:
        return None
    return StackRecord(told["pid"], told["children"], exactly(told["settings"]), told.get("warning", ""))


def folder(settings: Settings, chosen: Path | None) -> Path:
    """Return the data directory that is meant: the chosen one, else the setting's, else the newest beside it."""
    usual = Path(settings.local.data_dir)
    if chosen or config_path(usual).exists():
        return chosen or usual
    others = [path for path in usual.parent.glob(f"*/{_CONFIG}") if path.is_file()]
    return max(others, key=lambda path: path.stat().st_mtime_ns).parent if others else usual


def saved_settings(data_dir: Path) -> Settings | None:
    """Return the settings of the last stack on a directory, running or not; None when there was none."""
    try:
        return exactly(yaml.safe_load(config_path(data_dir).read_text("utf-8")))
    except OSError:
        return None


def exactly(values: dict[str, Any]) -> Settings:
    """Return settings with these values, whatever the environment says."""
    types: dict[str, Any] = {name: field.annotation for name, field in Settings.model_fields.items()}
    sections = {name: TypeAdapter(types[name]).validate_python(value) for name, value in values.items()}
    return Settings().model_copy(update=sections)


def write_health(data_dir: Path, urls: Mapping[str, str]) -> None:
    """Write where the processes that use the stack serve their health, by role."""
    _replace(data_dir / _HEALTH, json.dumps(dict(urls)) + "\n")


def health(data_dir: Path) -> dict[str, str]:
    """Return where the processes of the stack that runs serve their health; nothing when none runs."""
    if read(data_dir) is None:
        return {}
    try:
        found: dict[str, str] = json.loads((data_dir / _HEALTH).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def remove(data_dir: Path) -> None:
    """Forget the running stack; its settings stay."""
    for name in (_RECORD, _HEALTH):
        (data_dir / name).unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Return settings as values YAML and JSON can hold, secrets shown: for files of the local stack only."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def _started(pid: int) -> str:
    """Return the start time of a process in the kernel's ticks, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
