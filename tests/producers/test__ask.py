"""What people ask of running producers is written once, can be read back, and is not asked twice at a time."""

from __future__ import annotations

import uuid

import msgspec
import pytest

from cryptoflow.config import Kafka, Producer, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack.mockbroker import serve
from producers import _controls as controls
from producers._ask import counts, order_count, order_symbols, symbol_orders
from producers._orders import REPLICAS, SYMBOLS, ReplicaOrders

USDM, SWAP = ("binance", "usdm"), ("okx", "swap")


@pytest.fixture
def settings() -> Settings:
    """Point at librdkafka's mock broker, which has the control topics."""
    prefix = f"a{uuid.uuid4().hex[:6]}."
    kafka = Kafka(prefix=prefix)
    servers = serve({kafka.control_topic(name): 1 for name in (SYMBOLS, REPLICAS)})
    return Settings(kafka=Kafka(prefix=prefix, bootstrap_servers=servers), producer=Producer(replica_count=2))


def asked(settings: Settings) -> list[tuple[str, str]]:
    """Return what is ordered about symbols."""
    return [(one.key, one.state) for one in symbol_orders(settings)]


def settle(settings: Settings, key: str, *replicas: str) -> None:
    """Say for replicas that they hold just what they own."""
    orders = ReplicaOrders()
    order = next(one.order for one in counts(settings) if one.order.key == key)
    orders.take(key, msgspec.json.encode(order))
    told = [orders.settlement(key, one, 7) for one in replicas]
    controls.write(settings, REPLICAS, {one[0]: msgspec.json.encode(one[1]) for one in told if one is not None})


def test_the_newest_order_about_a_symbol_counts_and_can_be_taken_back(settings: Settings) -> None:
    """Every named market gets one, each name once."""
    assert symbol_orders(settings) == []
    keys = order_symbols(settings, [USDM, SWAP], ["AAA", "BBB", "AAA"], "added")
    assert keys == ["binance.usdm.AAA", "binance.usdm.BBB", "okx.swap.AAA", "okx.swap.BBB"]
    order_symbols(settings, [USDM], ["AAA"], "removed")
    order_symbols(settings, [SWAP], ["AAA", "BBB"], None)
    assert asked(settings) == [("binance.usdm.BBB", "added"), ("binance.usdm.AAA", "removed")]


def test_a_count_remembers_the_count_before(settings: Settings) -> None:
    """First that of the configuration, or the one told, then the one ordered last."""
    assert counts(settings) == []
    (first,) = order_count(settings, [USDM], 3)
    assert (first.count, first.previous) == (3, 2)
    (other,) = order_count(settings, [SWAP], 3, 1)
    assert (other.count, other.previous) == (3, 1)
    settle(settings, "binance.usdm", "0", "1", "2")
    (second,) = order_count(settings, [USDM], 2)
    assert (second.count, second.previous) == (2, 3)
    assert second.at_ns > first.at_ns


def test_who_settled_is_told_per_order(settings: Settings) -> None:
    """A newer order has to be settled anew; processes of some kinds speak for their replica."""
    order_count(settings, [USDM], 3)
    settle(settings, "binance.usdm", "0", "2/book+trades")
    (found,) = counts(settings)
    assert (found.settled, found.unsettled) == (("0", "2/book+trades"), (1,))
    order_count(settings, [USDM], 4, force=True)
    (found,) = counts(settings)
    assert (found.settled, found.unsettled) == ((), (0, 1, 2, 3))


def test_an_order_waits_for_the_one_before(settings: Settings) -> None:
    """Two handovers at a time cannot be told apart after a restart; force is for a replica that is gone."""
    order_count(settings, [USDM], 3)
    settle(settings, "binance.usdm", "0", "2")
    with pytest.raises(ConfigError, match="replica 1 still follows the order for 3"):
        order_count(settings, [USDM], 2)
    assert [one.order.count for one in counts(settings)] == [3]
    assert order_count(settings, [USDM], 2, force=True)[0].previous == 3


def test_feeds_are_counted_apart(settings: Settings) -> None:
    """The order is for the feed of the settings."""
    other = settings.model_copy(update={"producer": Producer(feed="b")})
    order_count(settings, [USDM], 3)
    order_count(other, [USDM], 2)
    assert [(one.order.key, one.order.count) for one in counts(settings)] == [
        ("b/binance.usdm", 2),
        ("binance.usdm", 3),
    ]
