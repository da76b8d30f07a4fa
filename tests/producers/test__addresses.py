"""Addresses are found on the interfaces and at the metadata service, or the reason why not is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cryptoflow.errors import ConfigError, UnreachableError
from producers._addresses import Ec2Metadata, Interfaces, check_local, interface_addresses

TOKEN = "invented-token"


class FakeMetadata:
    """Be the metadata service: a token by PUT, then two interfaces. It cannot imitate hop limits."""

    def __init__(self) -> None:
        """Serve two interfaces with three addresses."""
        self.base = ""
        self.refuses = False
        self.addresses = {"02:aa": "10.0.1.5\n10.0.1.6", "02:bb": "10.0.2.5"}

    async def token(self, request: web.Request) -> web.Response:
        """Hand a token out to who names its lifetime."""
        if self.refuses or not request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdecimal():
            return web.Response(status=403)
        return web.Response(text=TOKEN)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer who holds the token."""
        if request.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return web.Response(status=401)
        mac = request.match_info.get("mac")
        return web.Response(text=self.addresses[mac] if mac else "02:aa/\n02:bb/")


@pytest.fixture
async def metadata() -> AsyncIterator[FakeMetadata]:
    """Listen on loopback."""
    fake = FakeMetadata()
    app = web.Application()
    macs = "/latest/meta-data/network/interfaces/macs/"
    app.add_routes(
        [
            web.put("/latest/api/token", fake.token),
            web.get(macs, fake.answer),
            web.get(macs + "{mac}/local-ipv4s", fake.answer),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


async def test_ec2_tells_the_addresses_of_all_interfaces(metadata: FakeMetadata) -> None:
    """A token is asked for first (IMDSv2), then each interface."""
    assert await Ec2Metadata(metadata.base).addresses() == ("10.0.1.5", "10.0.1.6", "10.0.2.5")


async def test_a_refusing_metadata_service_is_one_line(metadata: FakeMetadata) -> None:
    """As is one that is not there, or one that answers nonsense."""
    metadata.refuses = True
    with pytest.raises(UnreachableError, match="token answered 403"):
        await Ec2Metadata(metadata.base).addresses()
    metadata.refuses = False
    metadata.addresses["02:bb"] = "<html>"
    with pytest.raises(UnreachableError, match="asking the EC2 metadata service"):
        await Ec2Metadata(metadata.base).addresses()
    with pytest.raises(UnreachableError):
        await Ec2Metadata("http://127.0.0.1:1").addresses()


@pytest.mark.parametrize(
    ("here", "pool"),
    [
        (["127.0.0.1", "10.0.0.1", "10.0.0.2", "::1", "fd00::2"], ("10.0.0.1", "10.0.0.2")),
        (["127.0.0.1", "169.254.7.7", "fe80::1", "fd00::2", "fd00::3"], ("fd00::2", "fd00::3")),
        (["127.0.0.1", "::1", "fe80::1"], ()),
    ],
)
async def test_interfaces_tell_addresses_of_one_family(
    monkeypatch: pytest.MonkeyPatch, here: list[str], pool: tuple[str, ...]
) -> None:
    """IPv4 wherever there is any: from an IPv6 address a venue that has IPv4 alone is never reached."""
    monkeypatch.setattr("producers._addresses.interface_addresses", lambda: here)
    assert await Interfaces().addresses() == pool


async def test_interfaces_are_listed_without_loopback_unless_asked() -> None:
    """The kernel tells; every machine has a loopback."""
    assert "127.0.0.1" in interface_addresses()
    assert "127.0.0.1" in await Interfaces(loopback=True).addresses()
    assert "127.0.0.1" not in await Interfaces().addresses()
    assert not any(one.startswith(("fe80:", "169.254.")) for one in await Interfaces(loopback=True).addresses())


def test_an_address_of_another_machine_is_refused() -> None:
    """It is tried: the whole of 127/8 is here, a documentation address is nowhere."""
    check_local(["", "127.0.0.1", "127.0.0.77"])
    with pytest.raises(ConfigError, match=r"203\.0\.113\.9 is no address of this machine"):
        check_local(["127.0.0.1", "203.0.113.9"])
