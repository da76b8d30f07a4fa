"""Find the addresses of this machine: from its interfaces, or from the metadata service of EC2."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import aiohttp

from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError, UnreachableError
from producers._ipshards import IpShards, load_ip_shards

EC2_METADATA = "http://169.254.169.254"
_TOKEN_TTL_S = 60
_TIMEOUT_S = 2.0
_BODY_MAX_BYTES = 65_536
_OK = 200

# linux/rtnetlink.h: message types, flags and attributes of an address dump.
_RTM_GETADDR, _RTM_NEWADDR, _NLMSG_ERROR, _NLMSG_DONE = 22, 20, 2, 3
_NLM_F_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_HEADER, _MESSAGE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBI"), struct.Struct("=HH")
_RECEIVE_BYTES = 65_536


class AddressSource(Protocol):
    """Tell the addresses connections may leave from."""

    async def addresses(self) -> tuple[str, ...]:
        """Return them in a stable order. Raises UnreachableError when they cannot be told."""
        ...


class Interfaces:
    """Ask the kernel for the addresses of all interfaces; Linux."""

    def __init__(self, *, loopback: bool = False) -> None:
        """Leave loopback addresses out unless asked for; link-local ones always."""
        self._loopback = loopback

    async def addresses(self) -> tuple[str, ...]:
        """Return every usable address of one family, in order: IPv4 where there is any.

        Many venues have IPv4 alone, and the symbols of an IPv6 address would never reach them.
        """
        usable = [one for one in interface_addresses() if self._loopback or not ipaddress.ip_address(one).is_loopback]
        usable = [one for one in usable if not ipaddress.ip_address(one).is_link_local]
        return tuple(one for one in usable if ":" not in one) or tuple(usable)


class Ec2Metadata:
    """Ask the instance metadata service, version 2: a token first, then the private IPv4 of every interface."""

    def __init__(self, base: str = EC2_METADATA) -> None:
        """Take where it answers."""
        self._base = base.rstrip("/")

    async def addresses(self) -> tuple[str, ...]:
        """Return the private addresses of all network interfaces of the instance."""
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
                ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_TTL_S)}
                token = await self._ask(session, "PUT", "/latest/api/token", ttl)
                held = {"X-aws-ec2-metadata-token": token.strip()}
                macs = "/latest/meta-data/network/interfaces/macs/"
                found: list[str] = []
                for mac in (await self._ask(session, "GET", macs, held)).split():
                    listed = await self._ask(session, "GET", f"{macs}{mac.rstrip('/')}/local-ipv4s", held)
                    found += [str(ipaddress.ip_address(text)) for text in listed.split()]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise UnreachableError(
                f"asking the EC2 metadata service for addresses: {str(error) or type(error).__name__}",
                fix="run on EC2 with IMDSv2 enabled, or list the addresses in egress_pool",
            ) from error
        return tuple(dict.fromkeys(found))

    async def _ask(self, session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str]) -> str:
        async with session.request(method, self._base + path, headers=headers, allow_redirects=False) as answer:
            body = await answer.content.read(_BODY_MAX_BYTES)
            if answer.status != _OK:
                raise OSError(f"{path} answered {answer.status}")
            return body.decode("ascii")


async def addresses_of(
    settings: Producer, markets: Mapping[str, Sequence[str]], sources: Mapping[str, AddressSource] | None = None
) -> IpShards:
    """Return the local addresses a process uses, looked up where the file asks for it, all proven to be here.

    Raises ConfigError or UnreachableError in one line.
    """
    shards = await addresses_meant(settings, markets, sources)
    check_local(shards.addresses)
    return shards


async def addresses_meant(
    settings: Producer, markets: Mapping[str, Sequence[str]], sources: Mapping[str, AddressSource] | None = None
) -> IpShards:
    """Return the local addresses a process is to use, whether or not they are those of this machine."""
    shards = load_ip_shards(settings.ip_shards_file, markets, settings.local_address)
    if shards.discover is not None:
        known = sources or {"interfaces": Interfaces(), "ec2": Ec2Metadata()}
        shards = replace(shards, pool=await known[shards.discover].addresses())
        if not shards.pool:
            raise ConfigError(
                f"choosing local addresses: {shards.discover} tells none", fix="list the addresses in egress_pool"
            )
    return shards


def check_local(addresses: Iterable[str]) -> None:
    """Raise ConfigError for an address that connections cannot leave from here; "" is any and is fine."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((address, 0))
        except OSError as error:
            raise ConfigError(
                f"choosing local addresses: {address} is no address of this machine",
                fix="add it to an interface, or correct producer.ip_shards_file or producer.local_address",
            ) from error


def interface_addresses() -> list[str]:
    """Return the addresses of all interfaces, IPv4 first, each in the kernel's order. Raises UnreachableError."""
    if not hasattr(socket, "AF_NETLINK"):
        raise UnreachableError("listing interfaces: this system has no netlink", fix="list the addresses themselves")
    request = _HEADER.pack(_HEADER.size + _MESSAGE.size, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0)
    found: list[str] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.settimeout(_TIMEOUT_S)
        link.bind((0, 0))
        link.send(request + _MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        while not _read_dump(link.recv(_RECEIVE_BYTES), found):
            pass
    return sorted(dict.fromkeys(found), key=lambda one: ":" in one)


def _read_dump(data: bytes, found: list[str]) -> bool:
    """Take the addresses of one datagram; True after the last one."""
    place = 0
    while place + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, place)
        if kind == _NLMSG_ERROR:
            raise UnreachableError("listing interfaces: the kernel refused", fix="list the addresses themselves")
        if kind == _NLMSG_DONE or length < _HEADER.size:
            return True
        if kind == _RTM_NEWADDR:
            address = _address(data[place + _HEADER.size : place + length])
            if address:
                found.append(address)
        place += (length + 3) & ~3
    return False


def _address(body: bytes) -> str:
    attributes: dict[int, bytes] = {}
    place = _MESSAGE.size
    while place + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, place)
        if length < _ATTRIBUTE.size:
            break
        attributes[kind] = body[place + _ATTRIBUTE.size : place + length]
        place += (length + 3) & ~3
    # IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is ours wherever it is given.
    packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
    return str(ipaddress.ip_address(packed)) if packed and len(packed) in {4, 16} else ""
