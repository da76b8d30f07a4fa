"""In: sockets and REST to raw topics. Generic; a venue is an argument."""

from producers._balance import Balance
from producers._choose import Selections, selections
from producers._produce import OnFacts, Recorded, produce

__all__ = ["Balance", "OnFacts", "Recorded", "Selections", "produce", "selections"]
