"""Read which local address each symbol leaves from: `producer.ip_shards_file`. Pure but for reading the file.

    shards:
      - ip: 10.0.0.1
        binance_symbols: [BTCUSDT]          # in every market of the exchange
        binance_usdm_symbols: [ETHUSDT]     # in one market
    egress_pool: [10.0.1.101, 10.0.1.102]   # or `interfaces`, or `ec2`: those of this machine
    per_shard_ip_override: {413: 10.0.1.102}

A symbol leaves from the address of its shard in `shards`; else from that of its virtual shard in
`per_shard_ip_override`; else from the pool, round robin over the virtual shards.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from cryptoflow.errors import ConfigError
from producers._replica import VIRTUAL_SHARDS, shard_of

SYMBOLS_SUFFIX = "_symbols"
ANY = ""
"""The address of connections that may leave from any: the system chooses."""

Discovered = Literal["interfaces", "ec2"]


@dataclass(frozen=True)
class IpShards:
    """Hold the addresses: pins by (exchange, market, native symbol), overrides by virtual shard, the pool.

    `discover` asks for the pool's addresses to be looked up on this machine.
    """

    pins: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    overrides: Mapping[int, str] = field(default_factory=dict)
    pool: tuple[str, ...] = ()
    discover: Discovered | None = None
    is_set: bool = False
    fallback: str = ANY

    def address(self, exchange: str, market: str, symbol: str) -> str:
        """Return the local address a symbol leaves from; `fallback` where the file says nothing."""
        pinned = self.pins.get((exchange, market, symbol))
        if pinned is not None:
            return pinned
        shard = shard_of(exchange, market, symbol)
        if shard in self.overrides:
            return self.overrides[shard]
        return self.pool[shard % len(self.pool)] if self.pool else self.fallback

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return every address, each once; the fallback alone when there is none."""
        return tuple(dict.fromkeys((*self.pins.values(), *self.overrides.values(), *self.pool))) or (self.fallback,)

    def check(self, exchange: str, market: str, symbols: Iterable[str]) -> None:
        """Raise ConfigError for a symbol the file gives no address, when it lists symbols and has no pool."""
        if not self.is_set or self.pool:
            return
        for symbol in symbols:
            if (exchange, market, symbol) in self.pins or shard_of(exchange, market, symbol) in self.overrides:
                continue
            raise ConfigError(
                f"reading producer.ip_shards_file: {exchange}.{market}.{symbol} is in no shard",
                fix=f"add it to {exchange}{SYMBOLS_SUFFIX} of one shard, or give an egress_pool",
            )


class _File(BaseModel):
    """Be the outer shape of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    shards: list[dict[str, Any]] = Field(default_factory=list)
    egress_pool: list[str] | Discovered = Field(default_factory=list)
    per_shard_ip_override: dict[int, str] = Field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Refuse a key that stands twice: the first one would be lost without a word."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are all different."""
        found = super().construct_mapping(node, deep=True)
        if len(found) != len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"key {twice} stands twice", node.start_mark)
        return found


def load_ip_shards(path: str, markets: Mapping[str, Sequence[str]], fallback: str = ANY) -> IpShards:
    """Read the file, or return what holds without one when `path` is empty.

    `markets` are the markets by exchange that the keys may name. Raises ConfigError in one line: what
    is wrong, and how to mend it.
    """
    if not path:
        return IpShards(fallback=fallback)
    try:
        values = _Loader(Path(path).read_text("utf-8")).get_single_data() or {}
        if not isinstance(values, dict):
            raise _wrong(path, "not a mapping", "keys are shards, egress_pool, per_shard_ip_override")
        read = _File.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        parts = [str(part) for part in first["loc"] if part != "[key]"]
        if parts[0] == "egress_pool":
            raise _wrong(path, "egress_pool: no list of addresses", "write one, or interfaces, or ec2") from error
        raise _wrong(
            path, f"{'.'.join(parts)}: {first['msg']}", "keys are shards, egress_pool, per_shard_ip_override"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        where = getattr(getattr(error, "problem_mark", None), "line", None)
        text = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _wrong(path, text if where is None else f"line {where + 1}: {text}", "give a YAML file") from error
    pins = _pins(path, read.shards, markets)
    for shard in read.per_shard_ip_override:
        if not 0 <= shard < VIRTUAL_SHARDS:
            raise _wrong(path, f"per_shard_ip_override: {shard} is no virtual shard", f"0 to {VIRTUAL_SHARDS - 1}")
    overrides = {shard: _address(path, text) for shard, text in read.per_shard_ip_override.items()}
    if isinstance(read.egress_pool, str):
        return IpShards(pins, overrides, (), read.egress_pool, is_set=True, fallback=fallback)
    pool = tuple(_address(path, text) for text in read.egress_pool)
    if len(set(pool)) != len(pool):
        raise _wrong(path, "egress_pool: an address stands twice", "give each once, or its share is double")
    return IpShards(pins, overrides, pool, is_set=True, fallback=fallback)


def _pins(
    path: str, shards: Sequence[Mapping[str, Any]], markets: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str, str], str]:
    keys = _keys(markets)
    pins: dict[tuple[str, str, str], str] = {}
    seen: set[str] = set()
    for place, shard in enumerate(shards):
        address = _address(path, shard.get("ip"), f"shards.{place}.ip")
        if address in seen:
            raise _wrong(path, f"shards.{place}.ip: {address} stands twice", "give each address one shard")
        seen.add(address)
        for key, symbols in shard.items():
            if key == "ip":
                continue
            if key not in keys:
                raise _wrong(path, f"shards.{place}.{key} is not known", f"use ip, {', '.join(sorted(keys))}")
            if not isinstance(symbols, list) or not all(isinstance(one, str) and one for one in symbols):
                raise _wrong(path, f"shards.{place}.{key}: not a list of symbols", "write [BTCUSDT, ETHUSDT]")
            for exchange, market in keys[key]:
                for symbol in symbols:
                    if (exchange, market, symbol) in pins:
                        raise _wrong(path, f"{exchange}.{market}.{symbol} stands twice", "keep one of the two")
                    pins[exchange, market, symbol] = address
    return pins


def _keys(markets: Mapping[str, Sequence[str]]) -> dict[str, list[tuple[str, str]]]:
    """Return what each key of a shard speaks of."""
    found: dict[str, list[tuple[str, str]]] = {}
    for exchange, names in markets.items():
        found[exchange + SYMBOLS_SUFFIX] = [(exchange, name) for name in names]
        for name in names:
            found[f"{exchange}_{name}{SYMBOLS_SUFFIX}"] = [(exchange, name)]
    return found


def _address(path: str, text: object, key: str = "an address") -> str:
    try:
        return str(ipaddress.ip_address(text if isinstance(text, str) else ""))
    except ValueError as error:
        raise _wrong(path, f"{key}: {text} is no IP address", "write one such as 10.0.0.1") from error


def _wrong(path: str, what: str, fix: str) -> ConfigError:
    return ConfigError(f"reading {path}: {what}", fix=fix)
