"""The simulated venues, one module each; `_venue` says how one is written."""

from cryptoflow.simulator.venues._known import chosen, markets, venue_of, venues

__all__ = ["chosen", "markets", "venue_of", "venues"]
