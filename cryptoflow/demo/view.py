"""Draw the live view of a running demo on a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

PRICES_SHOWN = 8


@dataclass
class Snapshot:
    """Hold what the view shows at one moment; rates are per second since the moment before."""

    elapsed_s: float = 0.0
    state: str = "starting"
    sent: int = 0
    received: int = 0
    published: int = 0
    rate: float = 0.0
    lag_records: int = 0
    gaps: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    data_dir: str = ""


def draw(now: Snapshot) -> RenderableType:
    """Return the view: flow, tables growing, last prices."""
    flow = Table(title="frames", title_justify="left", expand=False)
    for name in ("sent", "received", "published", "frames/s", "lag [records]", "gaps"):
        flow.add_column(name, justify="right")
    flow.add_row(
        f"{now.sent:,}",
        f"{now.received:,}",
        f"{now.published:,}",
        f"{now.rate:,.0f}",
        f"{now.lag_records:,}",
        f"{now.gaps:,}",
    )
    tables = Table(title="rows committed", title_justify="left")
    tables.add_column("table")
    tables.add_column("rows", justify="right")
    for name, rows in sorted(now.rows.items()):
        tables.add_row(name, f"{rows:,}")
    prices = Table(title="last trades", title_justify="left")
    prices.add_column("symbol")
    prices.add_column("price", justify="right")
    for symbol, price in sorted(now.prices.items())[:PRICES_SHOWN]:
        prices.add_row(symbol, price)
    head = Text(f"cryptoflow demo  {now.state}  {now.elapsed_s:.0f} s   data in {now.data_dir}   Ctrl-C ends it")
    return Group(head, flow, tables, prices)
