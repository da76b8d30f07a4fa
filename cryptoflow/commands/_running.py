"""Which deployment a command speaks to: the configured one, else the local stack that runs."""

from __future__ import annotations

from pathlib import Path

from cryptoflow.commands._stage import require_broker
from cryptoflow.config import Settings, load


def running_settings(data_dir: str | None, role: str) -> Settings:
    """Return the settings of the deployment that is meant. Raises ConfigError when no broker is configured.

    A folder that is named, or a missing broker, means the local stack that runs on the folder.
    """
    settings = deployment_settings(data_dir)
    require_broker(settings, role)
    return settings


def deployment_settings(data_dir: str | None) -> Settings:
    """Return the same settings, without a broker where none is configured and no local stack runs."""
    settings = load()
    if data_dir or not settings.kafka.bootstrap_servers:
        from cryptoflow.localstack import record  # noqa: PLC0415 - a quick --help

        running = record.read(record.folder(settings, Path(data_dir) if data_dir else None))
        settings = running.settings if running else settings
    return settings
