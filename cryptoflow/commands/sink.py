"""`cryptoflow sink`: md topics to tables and stores."""

from __future__ import annotations

import click

from cryptoflow.commands._stage import Health, require_broker, require_catalog, run_blocking
from cryptoflow.config import load
from cryptoflow.errors import ConfigError


@click.command()
@click.argument("name", default="iceberg")
def command(name: str) -> None:
    r"""Write md topics to a store until SIGTERM; NAME is `iceberg` unless given.

    Positions come from the store itself, so a sink that was killed continues where its table ends.
    The broker and the catalog are the configured ones. Replicas share the partitions by
    `sinks.sink_index` and `sinks.sink_count`.

    \b
    Example:
      cryptoflow --config production.yaml sink iceberg
    """
    from cryptoflow import logs, registry  # noqa: PLC0415 - a quick --help

    settings = load()
    found = registry.load("sinks", "SINK")
    if name not in found:
        raise ConfigError(f"starting sink {name}: there is no such sink", fix=f"one of {', '.join(found)}")
    if not found[name].enabled(settings):
        raise ConfigError(f"starting sink {name}: it is switched off", fix="add it to sinks.enabled")
    require_broker(settings, "sink")
    if name == "iceberg":
        require_catalog(settings, "sink")
    logs.setup_logging(settings.log_level)
    with Health(settings) as health:
        run_blocking(
            lambda stop: found[name].run(
                settings, stop, lambda facts: health.tell(live=facts.live, ready=facts.ready, detail=facts.detail)
            )
        )


COMMAND = command
