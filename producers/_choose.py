"""Choose symbols by an expression: a list of names, or filters on what the venue lists. Pure.

    expression := word (space word)*
    word       := NAME[,NAME…] | all | base=A[,B…] | quote=… | settle=… | kind=spot|perpetual|future[,…]
                | top=N | exclude=NAME[,NAME…]

Names are native or canonical. Names alone mean just these. `all` or a filter means all instruments
that trade and pass every filter, then of these the `top` N by traded value, then without `exclude`;
names are added to that. In front of an expression `<exchange>:` or `<exchange>.<market>:` narrows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cryptoflow.errors import ConfigError
from producers._orders import names_of
from schemas import InstrumentDefinition

GRAMMAR = "names, all, base=, quote=, settle=, kind=spot|perpetual|future, top=N, exclude="
KINDS = ("spot", "perpetual", "future")
FILTERS = ("base", "quote", "settle", "kind")
_SCOPE = re.compile(r"^([a-z0-9]+)(?:\.([a-z0-9_]+))?:")
_FEW = 3


@dataclass(frozen=True)
class Selection:
    """Hold one expression, read; without names and filters it means all that trade."""

    names: tuple[str, ...] = ()
    every: bool = False
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    top: int = 0
    exclude: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        """Tell whether it names its symbols, so that nothing needs to be asked to know them."""
        return bool(self.names) and not self.is_open

    @property
    def is_open(self) -> bool:
        """Tell whether what the venue lists decides."""
        return self.every or bool(self.filters) or bool(self.top) or not self.names


@dataclass(frozen=True)
class Chosen:
    """Hold native symbols in the venue's order, and the names that the market does not list."""

    symbols: list[str]
    unknown: list[str]


def parse(text: str) -> Selection:
    """Read an expression without a scope. Raises ConfigError in one line."""
    names: list[str] = []
    exclude: list[str] = []
    filters: dict[str, frozenset[str]] = {}
    every, top = False, 0
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals:
            every = every or word == "all"
            names += [] if word == "all" else _listed(word, word)
        elif key in filters or (key == "top" and top):
            raise _wrong(word, f"{key}= stands twice")
        elif key in FILTERS:
            filters[key] = frozenset(_listed(word, value))
            if key == "kind" and not filters[key] <= set(KINDS):
                raise _wrong(word, f"a kind is one of {', '.join(KINDS)}")
        elif key == "top":
            if not value.isdecimal() or not int(value):
                raise _wrong(word, "top= takes a number above 0")
            top = int(value)
        elif key == "exclude":
            exclude += _listed(word, value)
        else:
            raise _wrong(word, f"there is no {key}=")
    return Selection(tuple(dict.fromkeys(names)), every, filters, top, tuple(exclude))


def choose(selection: Selection, listed: Iterable[InstrumentDefinition], volumes: Mapping[str, Decimal]) -> Chosen:
    """Return the symbols an expression means of what a market lists; `volumes` are traded values.

    What has the data of another listed symbol is chosen by its name alone, and as that other one.
    """
    found = list(listed)
    native = names_of(found)
    wanted: list[str] = []
    if selection.is_open:
        own = (one for one in found if native[one.native_symbol] == one.native_symbol)
        passing = [one for one in own if one.is_trading and _passes(one, selection.filters)]
        if selection.top:
            passing.sort(key=lambda one: (-volumes.get(one.native_symbol, Decimal(0)), one.native_symbol))
            passing = passing[: selection.top]
        # A name left out that is not listed any more is left out all the same.
        left_out = set(selection.exclude)
        wanted = [one.native_symbol for one in passing if not left_out & {one.native_symbol, one.symbol}]
    wanted += [native[name] for name in selection.names if name in native]
    unknown = [name for name in selection.names if name not in native]
    return Chosen(list(dict.fromkeys(wanted)), unknown)


@dataclass(frozen=True)
class Selections:
    """Hold the expressions of a process: per market, per exchange, and for every market."""

    scoped: Mapping[str, Selection]

    def of(self, exchange: str, market: str) -> Selection:
        """Return the narrowest expression that applies; nothing said means all that trade."""
        for scope in (f"{exchange}.{market}", exchange, ""):
            if scope in self.scoped:
                return self.scoped[scope]
        return Selection()

    def check(self, markets: Mapping[str, Sequence[str]]) -> None:
        """Raise ConfigError for a scope that is no exchange or market of this process."""
        known = {"", *markets, *(f"{name}.{one}" for name, found in markets.items() for one in found)}
        for scope in self.scoped:
            if scope not in known:
                raise ConfigError(
                    f"choosing symbols: {scope}: is not recorded by this process",
                    fix=f"one of {', '.join(sorted(known - {''}))} before the colon, or nothing",
                )

    def refuse_unknown(self, unknown: Mapping[tuple[str, str], Sequence[str]]) -> None:
        """Raise ConfigError for a name that none of the markets lists that its expression speaks to."""
        for scope, selection in self.scoped.items():
            here = [names for (name, market), names in unknown.items() if self.of(name, market) is selection]
            missing = set.intersection(*map(set, here)) if here else set()
            if missing:
                raise ConfigError(
                    f"choosing symbols{f' of {scope}' if scope else ''}: {_few(missing)} is not listed",
                    fix="use native or canonical names of the venue's own list",
                )


def selections(texts: Iterable[str]) -> Selections:
    """Read expressions, each with or without a scope; several of one scope are one. Raises ConfigError."""
    gathered: dict[str, list[str]] = {}
    for text in texts:
        found = _SCOPE.match(text.strip())
        scope = "" if found is None else ".".join(part for part in found.groups() if part)
        expression = text.strip()[found.end() if found else 0 :]
        if not expression.strip():
            # Said by nobody, such as a variable that is not set: it must not come to mean everything.
            raise ConfigError(
                "choosing symbols: an expression is empty",
                fix="write `all` for everything that trades, or leave it out",
            )
        gathered.setdefault(scope, []).append(expression)
    return Selections({scope: parse(" ".join(parts)) for scope, parts in gathered.items()})


NOTHING_FITS_FIX = "widen the expression or name other markets; `all` means everything that trades"


def nothing_fits(markets: Iterable[tuple[str, str]]) -> str:
    """Say that nothing that these markets trade fits what was asked for."""
    return f"choosing symbols: nothing that {' or '.join('.'.join(one) for one in markets)} trades fits"


def _passes(one: InstrumentDefinition, filters: Mapping[str, frozenset[str]]) -> bool:
    return all(getattr(one, name) in wanted for name, wanted in filters.items())


def _listed(word: str, value: str) -> list[str]:
    found = value.split(",")
    if not all(found):
        raise _wrong(word, "a name is empty")
    return found


def _wrong(word: str, why: str) -> ConfigError:
    return ConfigError(f"choosing symbols: `{word}`: {why}", fix=f"an expression is made of {GRAMMAR}")


def _few(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:_FEW]) + (f" and {len(found) - _FEW} more" if len(found) > _FEW else "")
