"""`cryptoflow status`: how each stream of the running producers is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import click

from cryptoflow.commands._output import DATA_DIR_OPTION, JSON_OPTION, say_error, say_json, say_table
from cryptoflow.commands._running import deployment_settings
from cryptoflow.commands._venues import kinds_of
from cryptoflow.config import Settings, load
from cryptoflow.errors import ConfigError, UnreachableError

_TIMEOUT_S = 10.0
_BODY_MAX_BYTES = 256 * 1024 * 1024
_EVERY = "*"
_LESS_THAN_HALF = 0.5
_TELLING_PER_S = 1.0
"""Expected rate below which a lull says nothing."""

_HEADER = (
    *("market", "symbol", "stream", "state", "last frame", "rate", "expected"),
    *("gaps", "open", "resyncs", "book", "owner", "where"),
)

Row = Mapping[str, Any]


@click.command()
@click.option(
    "--url",
    "urls",
    multiple=True,
    help="Where a producer serves its health; may be repeated.  [default: the settings health_bind and health_port, "
    "else the local stack]",
)
@click.option("--exchange", "exchanges", multiple=True, help="Show a venue; may be repeated.  [default: all]")
@click.option("--market", "markets", multiple=True, help="Show a market; may be repeated.  [default: all]")
@click.option("--symbol", "symbols", multiple=True, help="Show a native symbol; may be repeated.  [default: all]")
@click.option("--streams", help="Show stream kinds, such as book,trades.  [default: all]")
@click.option(
    "--bad", is_flag=True, help="Show only streams that are not ok, open gaps, broken books, and rates below half."
)
@DATA_DIR_OPTION
@JSON_OPTION
def command(
    urls: tuple[str, ...],
    exchanges: tuple[str, ...],
    markets: tuple[str, ...],
    symbols: tuple[str, ...],
    streams: str | None,
    bad: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    r"""Show each stream: its last frame, rate against expectation, gaps, resyncs, book and owner.

    States are ok, silent (beyond its limit), unheard (accepted, no frame yet), waiting (for the answer
    to its subscription), refused, disconnected. Gaps and resyncs count from the start of the producer;
    the book is as the producer sees it. Open are the gaps that the agents have declared and not closed, read
    from the last 20,000 records of md.gaps where a broker is configured or a local stack runs; - stands where
    that is not known, and a line on stderr says why; so it does of each symbol that was added and is not
    listed. The exit code is 3 when a producer does not answer.

    \b
    Example:
      cryptoflow status --url http://10.0.0.5:9100 --url http://10.0.0.6:9100 --bad
    """
    kinds = set(kinds_of(streams)) if streams else set()
    told: list[dict[str, Any]] = []
    missing: list[UnreachableError] = []
    for url in [_checked(one) for one in urls] or _usual(load(), data_dir):
        try:
            told.append({"url": url, **_ask(url)})
        except UnreachableError as error:
            missing.append(error)
    if not missing:
        _refuse_unknown(told, exchanges, markets, symbols)
    unknown = _add_open_gaps(told, data_dir)
    for one in told:
        one["streams"] = [
            row
            for row in sorted(one["streams"], key=_place)
            if (not exchanges or row["exchange"] in exchanges)
            and (not markets or _markets(row) & set(markets))
            and (not symbols or row["symbol"] in symbols)
            and (not kinds or kinds & set(row["stream"].split("+")))
            and (not bad or _is_bad(row))
        ]
    if as_json:
        say_json(told)
    else:
        say_table(_HEADER, _rows(told))
    if any(row["gaps_open"] is None for one in told for row in one["streams"]):
        say_error(f"open gaps shown as - are not known: {unknown}")
    for text in _waiting(told):
        say_error(text)
    for other in missing[1:]:
        say_error(str(other))
    if missing:
        raise missing[0]


def _waiting(told: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Say which symbols were added by order and are not listed; every replica knows of all."""
    by_name: dict[str, dict[str, None]] = {}
    for one in told:
        for row in one.get("waiting", ()):
            by_name.setdefault(row["symbol"], {})[f"{row['exchange']}.{row['market']}"] = None
    for symbol, markets in by_name.items():
        yield f"{symbol} was added and is not listed by {', '.join(markets)}: it waits until it is"


def _add_open_gaps(told: Iterable[dict[str, Any]], data_dir: str | None) -> str:
    """Add to each stream the gaps of it that agents have declared and not closed; return why some are not known.

    `gaps_open` is None where that is not known.
    """
    if not any(one["streams"] for one in told):
        return ""
    from cryptoflow import gaps  # noqa: PLC0415 - a quick --help

    found = gaps.declared(deployment_settings(data_dir).kafka)
    for one in told:
        one["gaps_open_unknown"] = found.unknown
        for row in one["streams"]:
            symbol = None if row["symbol"] == _EVERY else row["symbol"]
            of_it = found.of(row["exchange"], row["market"], symbol, row["stream"].split("+"))
            row["gaps_open"] = None if of_it is None else [asdict(gap) for gap in of_it]
    return found.unknown


def _checked(url: str) -> str:
    """Return a URL that can be asked. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not set(url) & set(" \t\n")
    except ValueError:
        good = False
    if not good:
        host = "127.0.0.1:9100" if "://" in url else url
        raise ConfigError(f"asking producers: {url} is no URL of http", fix=f"write http://{host}")
    return url


def _refuse_unknown(
    told: Iterable[Mapping[str, Any]], exchanges: Sequence[str], markets: Sequence[str], symbols: Sequence[str]
) -> None:
    """Raise ConfigError for a name nobody has a stream of: an empty table would look as if all were well."""
    rows: list[Row] = [row for one in told for row in one["streams"]]
    for what, asked, known in (
        ("exchange", exchanges, {row["exchange"] for row in rows}),
        ("market", markets, {name for row in rows for name in _markets(row)}),
        ("symbol", symbols, {row["symbol"] for row in rows}),
    ):
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise ConfigError(
                f"asking producers: none of these producers has a stream of the {what} {unknown[0]}",
                fix="leave it out to see what they record",
            )


def _markets(row: Row) -> set[str]:
    return {row["market"], f"{row['exchange']}.{row['market']}"}


def _usual(settings: Settings, data_dir: str | None) -> Sequence[str]:
    """Return where producers are to be asked when nobody says. Raises ConfigError."""
    if settings.health_port and not data_dir:
        bind = settings.health_bind
        return (f"http://{'127.0.0.1' if bind == '0.0.0.0' else bind}:{settings.health_port}",)  # noqa: S104 - compared
    from cryptoflow.localstack import record  # noqa: PLC0415 - a quick --help

    url = record.health(record.folder(settings, Path(data_dir) if data_dir else None)).get("producer")
    if url is None:
        raise ConfigError(
            "asking producers: neither health_port is configured nor does a local stack with a producer run",
            fix="name one with --url, or set health_port",
        )
    return (url,)


def _ask(url: str) -> dict[str, Any]:
    """Return what a producer says of its streams. Raises UnreachableError."""
    try:
        # Proxies of the environment are for other hosts.
        with build_opener(ProxyHandler({})).open(f"{url.rstrip('/')}/status", timeout=_TIMEOUT_S) as answer:
            found = json.loads(answer.read(_BODY_MAX_BYTES))
    except HTTPError as error:
        with error:
            raise UnreachableError(
                f"asking {url}: status {error.code}", fix="name a producer that has begun to record"
            ) from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise UnreachableError(
            f"asking {url}: {error}", fix="check that the producer runs and its health_port"
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
        raise UnreachableError(f"asking {url}: it is no producer", fix="name the health port of a producer")
    return found


def _place(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("exchange", "market", "symbol", "stream", "conn"))


def _is_bad(row: Row) -> bool:
    expected = row["expected_per_s"] or 0.0
    slow = expected >= _TELLING_PER_S and row["rate_per_s"] < expected * _LESS_THAN_HALF
    # Liquidations may be absent for hours.
    absent = row["state"] == "unheard" and row["stream"] == "liquidations"
    return (row["state"] != "ok" and not absent) or row["book_valid"] is False or slow or bool(row["gaps_open"])


def _rows(told: Iterable[Mapping[str, Any]]) -> Iterable[Sequence[object]]:
    for one in told:
        for row in one["streams"]:
            yield (
                f"{row['exchange']}.{row['market']}",
                row["symbol"],
                row["stream"],
                row["state"],
                f"{row['silence_s']:.1f} s ago" if row["silence_s"] is not None else "-",
                f"{row['rate_per_s']:.4g}/s",
                f"{row['expected_per_s']:.4g}/s" if row["expected_per_s"] is not None else "-",
                f"{row['gaps']} ({row['last_gap']})" if row["gaps"] else 0,
                _open(row["gaps_open"]),
                row["resyncs"],
                {True: "valid", False: "invalid", None: "-"}[row["book_valid"]],
                " ".join(part for part in (row["owner"], row["feed"], row["handover"]) if part),
                one["url"].partition("://")[2],
            )


def _open(gaps: Sequence[Mapping[str, Any]] | None) -> str:
    if gaps is None:
        return "-"
    return f"{len(gaps)} ({gaps[-1]['cause']})" if gaps else "0"


COMMAND = command
