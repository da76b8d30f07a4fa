"""Find components: every public module of a package exports its constant, or loading fails."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def load(package: str, constant: str) -> dict[str, Any]:
    """Import every public module directly under `package` and return {name: its constant}.

    The key is the constant's own `name`. Modules with a leading underscore belong to their stage
    and are not components. Raises ImportError when a module fails to import, lacks the constant,
    or two modules use one name: a component is never skipped silently.
    """
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        component = getattr(module, constant, None)
        if component is None:
            msg = f"loading {package}.{info.name}: it exports no {constant}; add one or prefix an underscore"
            raise ImportError(msg)
        if component.name in found:
            msg = f"loading {package}.{info.name}: the name {component.name!r} is taken by another module"
            raise ImportError(msg)
        found[component.name] = component
    return found
