"""The whole path in one command: simulator, producer, worker and sink on the local stack."""

from cryptoflow.demo.options import MARKETS_DEFAULT, DemoOptions
from cryptoflow.demo.run import run

__all__ = ["MARKETS_DEFAULT", "DemoOptions", "run"]
