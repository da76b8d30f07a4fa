"""The venue simulator: venues on loopback, from a recording or generated, with faults and a ledger."""

from cryptoflow.simulator._choice import chosen_streams
from cryptoflow.simulator.ledger import LEDGER_DIR
from cryptoflow.simulator.options import (
    FAULTS,
    SimulatorOptions,
    parse_faults,
)
from cryptoflow.simulator.recording import Plan, plan_recording
from cryptoflow.simulator.server import simulate

__all__ = [
    "FAULTS",
    "LEDGER_DIR",
    "Plan",
    "SimulatorOptions",
    "chosen_streams",
    "parse_faults",
    "plan_recording",
    "simulate",
]
