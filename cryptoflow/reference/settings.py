"""The page of settings, from their types."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cryptoflow.config import Settings
from cryptoflow.reference.markdown import head, join, table

_SETTINGS = """\
Read from the YAML file named by `--config` or `CRYPTOFLOW_CONFIG`; an environment variable wins over the file.
Unknown keys are refused. Secrets are never printed."""


def settings_page() -> str:
    """Describe every setting: type, bounds, default."""
    sections: dict[str, list[Sequence[str]]] = {}
    for path, info in setting_fields(Settings):
        section, _, name = path.rpartition(".")
        sections.setdefault(section, []).append(
            (
                f"`{name}`",
                f"`CRYPTOFLOW_{path.upper().replace('.', '__')}`",
                _type_name(info.annotation),
                _bounds(info),
                _default(info),
                info.description or "",
            )
        )
    parts = [
        head("Settings"),
        _SETTINGS,
    ]
    for section, rows in sections.items():
        parts += [
            f"## {section or 'top level'}",
            table(("key", "variable", "type", "bounds", "default", "what it does"), rows),
        ]
    return join(parts)


def setting_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Walk a settings model: (dotted path, field) of every leaf."""
    for name, info in model.model_fields.items():
        nested = info.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from setting_fields(nested, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", info


def _type_name(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if annotation is SecretStr:
        return "secret text"
    plain = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return plain.get(annotation) or str(annotation).replace("typing.", "").replace("|", "or")


def _bounds(info: FieldInfo) -> str:
    signs = {
        annotated_types.Ge: ("≥", "ge"),
        annotated_types.Gt: (">", "gt"),
        annotated_types.Le: ("≤", "le"),
        annotated_types.Lt: ("<", "lt"),
    }
    said = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in info.metadata
        for kind, (sign, attribute) in signs.items()
        if isinstance(rule, kind)
    ]
    pattern = next((rule.pattern for rule in info.metadata if getattr(rule, "pattern", None)), None)
    return ", ".join(said + ([f"`{pattern}`"] if pattern else []))


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True) if info.default_factory is not None else info.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "empty" if value is None or str(value) in {"", "()", "[]", "{}"} else f"`{value}`"
