"""Compare what the venue simulator sent with what the tables say: an independent path.

Nothing here uses `exchanges/`, `schemas/` or any parser of the pipeline: an error there must not
be able to hide itself.
"""

from cryptoflow.verify.compare import compare, verify
from cryptoflow.verify.hashing import table_hash
from cryptoflow.verify.report import Report, Tolerances

__all__ = ["Report", "Tolerances", "compare", "table_hash", "verify"]
