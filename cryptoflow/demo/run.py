"""Run a demo: start the parts, follow them, report."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from cryptoflow import clock
from cryptoflow.demo.finish import Finish, Step
from cryptoflow.demo.options import DemoOptions
from cryptoflow.demo.prices import LastPrices
from cryptoflow.demo.progress import LogEnds, Tables
from cryptoflow.demo.recorded import plan_of
from cryptoflow.demo.report import as_json, as_text, collect
from cryptoflow.demo.stages import Stages
from cryptoflow.demo.view import Snapshot, draw
from cryptoflow.localstack import LocalStack

POLL_INTERVAL_S = 0.5
PARTITIONS = 4
DATA_ROOT = Path("var")
_NORMALIZED = frozenset({Step.COMMITTING, Step.DONE})


def run(options: DemoOptions) -> int:
    """Run the whole path on the local stack and return the exit code.

    SIGINT and SIGTERM end the run cleanly; without `once` that is how it ends. Raises
    CryptoflowError in one line when a part does not come up or ends by itself.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _signal, _frame: stop.set())
    stamp = "".join(character for character in clock.iso(clock.now_ns())[:19] if character not in "-:")
    data_dir = options.data_dir or DATA_ROOT / f"demo-{stamp}"
    plan = plan_of(options)
    if plan.omissions:
        click.echo(plan.omissions, err=True)
    with LocalStack(data_dir, kafka={"partitions": PARTITIONS}) as stack:
        if stack.warning:
            click.echo(stack.warning, err=True)
        stages = Stages(stack, options, plan)
        try:
            stages.start()
            found = _follow(options, stack, stages, stop)
        finally:
            stages.stop()
    click.echo(as_json(found) if options.as_json else as_text(found))
    return 0


def _follow(options: DemoOptions, stack: LocalStack, stages: Stages, stop: threading.Event) -> dict[str, Any]:
    started_s = clock.monotonic_s()
    ends, tables, prices = LogEnds(stack.settings), Tables(stack.settings), LastPrices(stack.settings)
    finish = Finish(stack.settings, stages, ends, tables)
    console = Console(stderr=True)
    shown = Snapshot(data_dir=str(stack.data_dir))
    try:
        with Live(draw(shown), console=console, transient=True, auto_refresh=False) as live:
            while not stop.wait(POLL_INTERVAL_S):
                stages.check()
                step = finish.advance()
                if options.once and stages.producing and step in _NORMALIZED:
                    # The log ends here: the market is over, and a sink that takes long would hear its silence.
                    stages.stop_producing()
                    finish.again()
                elif options.once and step is Step.DONE:
                    break
                if console.is_terminal:
                    shown = look(shown, step, stages, tables, prices, clock.monotonic_s() - started_s)
                    live.update(draw(shown), refresh=True)
        return collect(stack, stages, tables, clock.monotonic_s() - started_s)
    finally:
        prices.close()
        ends.close()


def look(
    before: Snapshot, step: Step, stages: Stages, tables: Tables, prices: LastPrices, elapsed_s: float
) -> Snapshot:
    """Return what the live view shows now."""
    frames = stages.frames()
    states = tables.states()
    received = frames.get("received", 0)
    passed_s = max(elapsed_s - before.elapsed_s, 0.001)
    return Snapshot(
        elapsed_s=elapsed_s,
        state=step.value,
        sent=int(stages.simulator().get("frames_sent", 0)),
        received=received,
        published=frames.get("published", 0),
        rate=(received - before.received) / passed_s,
        lag_records=stages.lag_records(),
        gaps=states["gaps"].rows if "gaps" in states else 0,
        rows={name: state.rows for name, state in states.items() if state.rows},
        prices=prices.read(),
        data_dir=before.data_dir,
    )
