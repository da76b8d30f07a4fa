"""Find components of a package by their constant; see `load`."""

from schemas._registry import load

__all__ = ["load"]
