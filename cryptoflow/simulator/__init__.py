"""The venue simulator: Binance USD-M on loopback, from a recording or generated, with faults and a ledger."""

from cryptoflow.simulator.ledger import LEDGER_DIR
from cryptoflow.simulator.options import (
    FAULTS,
    GENERATED_CHANNELS,
    SimulatorOptions,
    invented_symbols,
    parse_faults,
)
from cryptoflow.simulator.recording import Plan, plan_recording
from cryptoflow.simulator.server import simulate

__all__ = [
    "FAULTS",
    "GENERATED_CHANNELS",
    "LEDGER_DIR",
    "Plan",
    "SimulatorOptions",
    "invented_symbols",
    "parse_faults",
    "plan_recording",
    "simulate",
]
