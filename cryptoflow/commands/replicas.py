"""`cryptoflow replicas`: change how many producers share the symbols, while they run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
import msgspec

from cryptoflow import clock
from cryptoflow.commands._output import DATA_DIR_OPTION, JSON_OPTION, say_json, say_table
from cryptoflow.commands._running import running_settings
from cryptoflow.commands._venues import EXCHANGE_OPTION, MARKET_OPTION, venues_of
from cryptoflow.config import Settings
from cryptoflow.errors import UnreachableError

_POLL_S = 0.5


@click.command()
@click.argument("count", type=click.IntRange(1, 1024), required=False)
@EXCHANGE_OPTION
@MARKET_OPTION
@click.option("--feed", help="The redundant feed that is meant.  [default: the setting producer.feed]")
@click.option(
    "--from",
    "previous",
    type=click.IntRange(1, 1024),
    help="How many there were.  [default: as ordered last, else the setting producer.replica_count]",
)
@click.option("--force", is_flag=True, help="Order though replicas still follow the order before.")
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=0.0, help="Wait so many seconds for all to settle.")
@DATA_DIR_OPTION
@JSON_OPTION
def command(
    count: int | None,
    *,
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    feed: str | None,
    previous: int | None,
    force: bool,
    wait_s: float,
    data_dir: str | None,
    as_json: bool,
) -> None:
    r"""Share the symbols among COUNT producers from now on; without COUNT, show what was ordered.

    Order first, then start further replicas; end superfluous ones once all have settled. Whoever gives
    a symbol up records it until its new owner is seen in the log. A replica that holds just what it
    owns has settled.

    \b
    Examples:
      cryptoflow replicas 3 --market usdm --wait 120
      cryptoflow replicas
    """
    from cryptoflow import registry  # noqa: PLC0415 - a quick --help
    from producers import order_count  # noqa: PLC0415 - a quick --help

    venues = venues_of(registry.load("exchanges", "EXCHANGE"), exchanges, markets)
    settings = running_settings(data_dir, "replicas")
    if feed is not None:
        settings = settings.model_copy(update={"producer": settings.producer.model_copy(update={"feed": feed})})
    asked: list[str] | None = None
    if count is not None:
        where = [(venue.exchange.name, market) for venue in venues for market in venue.markets]
        asked = [one.key for one in order_count(settings, where, count, previous, force=force)]
    waiting = _wait(settings, asked, wait_s) if wait_s else []
    _say(settings, asked, as_json=as_json)
    if waiting:
        raise UnreachableError(
            f"waiting for replicas: {', '.join(waiting)} not settled within {wait_s:g} s",
            fix="start the replicas that are missing; `cryptoflow replicas` shows which",
        )


def _wait(settings: Settings, asked: Sequence[str] | None, limit_s: float) -> list[str]:
    """Return the keys that did not settle within the limit."""
    from producers import counts  # noqa: PLC0415 - a quick --help

    deadline_s = clock.monotonic_s() + limit_s
    while True:
        waiting = [one.order.key for one in counts(settings) if one.unsettled and _is_meant(one.order.key, asked)]
        if not waiting or clock.monotonic_s() >= deadline_s:
            return waiting
        time.sleep(_POLL_S)


def _say(settings: Settings, asked: Sequence[str] | None, *, as_json: bool) -> None:
    from producers import counts  # noqa: PLC0415 - a quick --help

    found = [one for one in counts(settings) if _is_meant(one.order.key, asked)]
    if as_json:
        say_json(
            [{**msgspec.to_builtins(one.order), "settled": one.settled, "unsettled": one.unsettled} for one in found]
        )
        return
    rows = [
        (
            one.order.key,
            one.order.count,
            one.order.previous,
            ", ".join(one.settled) or "-",
            ", ".join(map(str, one.unsettled)) or "-",
            clock.iso(one.order.at_ns),
        )
        for one in found
    ]
    say_table(("market", "replicas", "before", "settled", "not settled", "ordered"), rows)


def _is_meant(key: str, asked: Sequence[str] | None) -> bool:
    return asked is None or key in asked


COMMAND = command
