"""The worker with the running-hash core: `python -m faust -A hash_worker worker` with this folder on the path."""

from __future__ import annotations

from hash_core import HashCore

from cryptoflow import config
from cryptoflow.worker import build

app = build(config.load(), core=lambda _topic, _partition: HashCore())
