"""Options of a run."""

from __future__ import annotations

import pytest

from cryptoflow.errors import ConfigError
from cryptoflow.simulator import FAULTS, parse_faults


def test_names():
    """Names are all, none or a list; an unknown one is refused in one line."""
    assert parse_faults("all") == FAULTS
    assert parse_faults("none") == parse_faults("") == ()
    assert parse_faults("gap, 429") == ("gap", "429")
    with pytest.raises(ConfigError, match="no such fault: gaps"):
        parse_faults("gaps")
