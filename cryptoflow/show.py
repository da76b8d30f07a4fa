"""Every setting with its value, default and origin; and what is wrong with them together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from cryptoflow.config import CONFIG_ENV, Settings

MASK = "********"
_PREFIX = "CRYPTOFLOW_"


@dataclass(frozen=True)
class Shown:
    """Hold one setting for printing; secrets are masked. `origin` is default, file or environment."""

    name: str
    value: str
    default: str
    origin: str
    description: str


def shown(settings: Settings) -> list[Shown]:
    """List every setting, sections flattened with dots."""
    path = os.environ.get(CONFIG_ENV, "")
    given = (yaml.safe_load(Path(path).read_text("utf-8")) or {}) if path else {}
    return list(_walk(settings, given, ""))


def _walk(values: BaseModel, given: Any, prefix: str) -> Iterator[Shown]:
    variables = {key.upper() for key in os.environ}
    for name, field in type(values).model_fields.items():
        value, inside = getattr(values, name), given.get(name) if isinstance(given, Mapping) else None
        path = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _walk(value, inside, f"{path}.")
            continue
        variable = _PREFIX + path.replace(".", "__").upper()
        origin = "environment" if variable in variables else "default" if inside is None else "file"
        default = field.get_default(call_default_factory=True)
        yield Shown(path, _text(value), _text(default), origin, field.description or "")


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, str):
        return value
    return json.dumps(
        value, default=lambda each: each.model_dump(mode="json") if isinstance(each, BaseModel) else str(each)
    )


def problems(settings: Settings) -> list[str]:
    """Say what is wrong with settings that are each right by themselves; one line each with the fix."""
    found = [*_broker(settings), *_catalog(settings)]
    if settings.sinks.sink_index >= settings.sinks.sink_count:
        found.append("sinks.sink_index is not below sinks.sink_count; number replicas from 0")
    if settings.producer.replica_index >= settings.producer.replica_count:
        found.append("producer.replica_index is not below producer.replica_count; number replicas from 0")
    if settings.producer.envelope_max_bytes > settings.kafka.message_max_bytes:
        found.append("producer.envelope_max_bytes is above kafka.message_max_bytes; lower it")
    return found


def _broker(settings: Settings) -> Iterator[str]:
    kafka = settings.kafka
    if settings.environment != "production":
        return
    if not kafka.bootstrap_servers:
        yield "kafka.bootstrap_servers is not set; produce, worker and sink refuse to start without it"
    if settings.producer.endpoints:
        yield "producer.endpoints is set; production reaches the real venues only, remove it or set environment: test"
    if kafka.sasl_mechanism and kafka.security_protocol == "PLAINTEXT":
        yield "kafka.sasl_mechanism needs kafka.security_protocol: SASL_SSL; passwords would travel in clear"


def _catalog(settings: Settings) -> Iterator[str]:
    catalog = settings.catalog
    if settings.environment == "production":
        if catalog.kind == "s3tables" and not catalog.warehouse:
            yield "catalog.warehouse is not set; give the ARN of the table bucket"
        if catalog.kind != "s3tables" and not catalog.uri:
            yield f"catalog.uri is not set; a {catalog.kind} catalog needs it"
        if catalog.endpoint:
            yield "catalog.endpoint is set; it is for stand-ins, remove it or set environment: test"
    if bool(catalog.access_key.get_secret_value()) != bool(catalog.secret_key.get_secret_value()):
        yield "catalog.access_key and catalog.secret_key go together; set both or none"
