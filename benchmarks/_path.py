"""Put the packages before the folder of the scripts, so that `exchanges.py` here does not hide the package."""

import sys
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parent
sys.path[:] = [str(_SCRIPTS.parent), *(one for one in sys.path if Path(one).resolve() != _SCRIPTS), str(_SCRIPTS)]
