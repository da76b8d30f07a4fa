"""`python -m cryptoflow.chaos`: run a campaign or a scenario of changing producers and print its report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from cryptoflow.chaos.campaign import Campaign
from cryptoflow.chaos.replicas import SCENARIOS, SPACING_S, Replicas, seconds
from cryptoflow.demo.options import MARKETS_DEFAULT, DemoOptions
from cryptoflow.errors import CryptoflowError
from cryptoflow.simulator import venues

EXIT_STOPPED = 4
"""Exit code of a campaign that could not be run to its end."""


def main() -> int:
    """Run one campaign; exit 0 when nothing was lost, duplicated or altered and the tables are equal."""
    parser = argparse.ArgumentParser(prog="python -m cryptoflow.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="SIGKILLs to inject, all roles together")
    parser.add_argument("--symbols", type=int, default=20, help="generated symbols")
    parser.add_argument("--rate", type=int, default=1500, help="generated frames per second in all")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same faults")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="change producers instead; ends by itself")
    parser.add_argument("--market", action="append", default=[], help="`<exchange>.<market>`, or `all`")
    parser.add_argument("--spacing", type=float, default=SPACING_S, help="seconds between changes of a scenario")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the campaign; must be empty")
    asked = parser.parse_args()
    try:
        if asked.scenario:
            report = Replicas(asked.data_dir, asked.scenario, _options(asked), asked.spacing).run()
        else:
            report = Campaign(asked.data_dir, asked.kills, asked.symbols, asked.rate, asked.seed).run()
    except CryptoflowError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_STOPPED
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if report["clean"] else 1


def _options(asked: argparse.Namespace) -> DemoOptions:
    markets = venues.chosen(asked.market) if asked.market else MARKETS_DEFAULT
    return DemoOptions(
        markets=markets,
        symbols=asked.symbols,
        rate=asked.rate,
        seconds=seconds(asked.scenario, asked.spacing, asked.symbols * len(markets)),
        seed=asked.seed,
        data_dir=asked.data_dir,
    )


if __name__ == "__main__":
    sys.exit(main())
