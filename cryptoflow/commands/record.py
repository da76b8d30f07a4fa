"""`cryptoflow record`: a live session into a file that the simulator replays."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cryptoflow import clock
from cryptoflow.commands._duration import Duration
from cryptoflow.commands._output import JSON_OPTION, say_error, say_json, say_table
from cryptoflow.commands._stage import run_async
from cryptoflow.commands._venues import recorded, selections_of, what_is_recorded, with_flags
from cryptoflow.config import load

if TYPE_CHECKING:
    from producers import Captured

_TELL_EVERY_S = 10.0
_MIB = 1024 * 1024


@click.command()
@what_is_recorded
@click.option(
    "--for", "limit_s", type=Duration(), default="10m", show_default=True, help="How long, once all is served."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file, .jsonl.gz; one that exists is kept.  [default: recordings/<exchanges>_<time>.jsonl.gz]",
)
@click.option(
    "--max-mib",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="End when so much was written, before compression [MiB].",
)
@JSON_OPTION
def command(
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    expressions: tuple[str, ...],
    names: tuple[str, ...],
    streams: str | None,
    limit_s: float,
    out: Path | None,
    max_mib: int,
    as_json: bool,
) -> None:
    r"""Record what venues send, and what is asked of them, into a file; no broker is needed.

    Every message of every connection, every request and every REST answer stands in it as it was on the
    wire, with its time. `cryptoflow simulate --recording` and `demo --recording` replay it. It ends
    after --for, or at once with Ctrl-C; what was written until then is whole.

    \b
    Example:
      cryptoflow record --exchange okx --market swap --symbols BTC-USDT-SWAP --for 10m
    """
    settings = with_flags(load(), streams)
    from cryptoflow import logs  # noqa: PLC0415 - a quick --help
    from producers import record  # noqa: PLC0415 - a quick --help

    venues = recorded(settings, exchanges, markets)
    chosen = selections_of(settings, expressions, names)
    if not expressions and not names and not settings.producer.symbols:
        raise click.UsageError("name what to record with --symbols or --symbol; `all` means everything that trades")
    path = out or _usual("+".join(venue.exchange.name for venue in venues))
    logs.setup_logging(settings.log_level)
    told: list[Captured] = []
    said_s = clock.monotonic_s()

    def progress(rows: Mapping[str, int], size: int) -> None:
        nonlocal said_s
        if clock.monotonic_s() - said_s >= _TELL_EVERY_S:
            said_s = clock.monotonic_s()
            say_error(f"{rows.get('recv', 0)} frames, {size / _MIB:.1f} MiB")

    async def body(stop: asyncio.Event) -> None:
        told.append(await record(settings, venues, chosen, path, limit_s, max_mib * _MIB, stop, progress))

    run_async(body)
    _say(told[0], as_json=as_json)


def _usual(exchanges: str) -> Path:
    now = clock.iso(clock.now_ns())[:19].replace("-", "").replace(":", "")
    return Path("recordings") / f"{exchanges}_{now}Z.jsonl.gz"


def _say(told: Captured, *, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(told), "path": str(told.path)})
        return
    rows = [(market, len(symbols)) for market, symbols in told.symbols.items()]
    say_table(("market", "symbols"), rows)
    counts = ", ".join(f"{count} {event}" for event, count in sorted(told.rows.items()))
    click.echo(f"{told.path}: {counts}; {told.seconds:.1f} s, ended by {told.reason}")
    if not told.complete:
        say_error("not every stream was served: the file may lack some")


COMMAND = command
