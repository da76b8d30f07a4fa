"""Channels that feed one kind of a symbol are asked for together, and a kind is whole with the last of them."""

from __future__ import annotations

from exchanges import StreamKind
from producers._channels import Channels, Late, batches
from producers._watchdog import StreamInfo

FUNDING = StreamKind.FUNDING
MARK, RATE, OPEN = (StreamInfo(f"{name}:AAA", FUNDING, "AAA", None) for name in ("mark", "rate", "open"))
TRADES = StreamInfo("trades:AAA", StreamKind.TRADES, "AAA", None)
TICKER = StreamInfo("ticker:BBB", StreamKind.QUOTES, "BBB", None, (FUNDING,))


def test_no_request_cuts_what_feeds_one_kind() -> None:
    """A request is rather left short; what is more than one request holds is cut all the same."""
    unit = Channels((MARK, TRADES, RATE, OPEN)).unit
    names = ["mark:AAA", "trades:AAA", "rate:AAA", "open:AAA", "x"]
    cut = batches(names, 3, lambda _name: "", unit)
    assert cut == [["mark:AAA", "rate:AAA", "open:AAA"], ["trades:AAA", "x"]]
    assert batches(names, 2, lambda _name: "", unit) == [
        ["mark:AAA", "rate:AAA"], ["open:AAA", "trades:AAA"], ["x"],
    ]  # fmt: skip


def test_what_may_not_share_a_request_is_apart() -> None:
    """The venue's groups come before ours."""
    cut = batches(["a1", "b1", "a2", "b2", "a3"], 2, lambda name: name[0], lambda name: name[1])
    assert cut == [["a1", "a2"], ["a3"], ["b1", "b2"]]


def test_a_kind_is_late_from_its_first_channel_to_its_last() -> None:
    """It is said once; what is subscribed again alone is declared by itself."""
    channels = Channels((MARK, TRADES, RATE, OPEN, TICKER))
    assert channels.served(["mark:AAA", "trades:AAA", "ticker:BBB"], 5) == []
    assert channels.served(["rate:AAA"], 6) == []
    assert channels.served(["open:AAA"], 7) == [Late("AAA", FUNDING, 5)]
    assert channels.served(["open:AAA", "mark:AAA", "rate:AAA"], 9) == []


def test_channels_accepted_at_once_are_not_late() -> None:
    """One answer for all leaves no time between."""
    assert Channels((MARK, RATE)).served(["rate:AAA", "mark:AAA"], 5) == []


def test_streams_come_and_go() -> None:
    """What is given up is not waited for; what comes is."""
    channels = Channels((MARK, RATE))
    channels.served(["mark:AAA"], 5)
    channels.drop((MARK, RATE))
    assert channels.served(["rate:AAA"], 6) == []
    channels.add((MARK, RATE))
    channels.served(["mark:AAA"], 7)
    assert channels.served(["rate:AAA"], 8) == [Late("AAA", FUNDING, 7)]
