"""Send what waits every few milliseconds, and measure whether the process works more than it waits."""

from __future__ import annotations

from cryptoflow import clock
from producers._envelope import Envelopes
from producers._intake import Intake

PUMP_S = 0.003
"""How often `tick` is to be called."""

MEASURE_S = 0.25


class Pump:
    """Move an intake on and let its envelopes wait as long as the load asks for."""

    def __init__(self, intake: Intake, envelopes: Envelopes, records_target_per_s: float) -> None:
        """Measure from now on."""
        self._intake = intake
        self._envelopes = envelopes
        self._target_per_s = records_target_per_s
        self._measured_s = clock.monotonic_s()
        self._worked_s = clock.worked_s()
        self._ticks = 0
        self._sealed = envelopes.sealed
        self.is_busy = False
        self.records = 0

    def tick(self) -> bool:
        """Send and settle; True when a measurement was due: `is_busy`, and `records` sent since the last one."""
        self._intake.tick()
        self._ticks += 1
        elapsed_s = clock.monotonic_s() - self._measured_s
        if elapsed_s < MEASURE_S:
            return False
        worked_s = clock.worked_s()
        # Own work, not the clock: waiting for a machine that others use is no load of ours.
        self.is_busy = worked_s - self._worked_s > self._ticks * PUMP_S
        self._worked_s = worked_s
        self.records = self._envelopes.sealed - self._sealed
        self._envelopes.adapt(self.records / elapsed_s, self._target_per_s, is_busy=self.is_busy)
        self._measured_s += elapsed_s
        self._ticks = 0
        self._sealed = self._envelopes.sealed
        return True
