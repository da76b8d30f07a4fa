"""In: sockets and REST to raw topics. Generic; a venue is an argument."""

from producers._balance import Balance
from producers._produce import OnFacts, produce

__all__ = ["Balance", "OnFacts", "produce"]
