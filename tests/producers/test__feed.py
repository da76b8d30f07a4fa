"""Subscriptions are paced, acknowledged within a deadline, and made again alone."""

from __future__ import annotations

import dataclasses

import msgspec

from exchanges import Ack
from exchanges.binance import USDM
from producers._feed import ATTEMPTS_MAX, Feed, Names

ENDPOINT = dataclasses.replace(
    USDM.endpoint("public"), streams_per_request_max=2, messages_per_s=10.0, ack_timeout_s=5.0
)


def feed(count: int = 5) -> Feed:
    """Make a feed of a few streams."""
    return Feed(ENDPOINT, [f"s{number}" for number in range(count)], Names(USDM.subscribe, USDM.unsubscribe))


def sent(one: Feed, now_s: float) -> list[dict[str, object]]:
    """Decode what is to be sent."""
    return [msgspec.json.decode(frame) for frame in one.to_send(now_s)]


def streaming() -> Feed:
    """Make a feed whose three streams are accepted."""
    one = feed(3)
    for step in range(10):
        one.to_send(step * 0.2)
    one.on_ack(Ack(1))
    one.on_ack(Ack(2))
    return one


def test_streams_are_subscribed_in_batches_at_the_venues_pace() -> None:
    """One request per pace interval, each within the venue's batch limit, every stream once."""
    one = feed()
    asked = [request for step in range(30) for request in sent(one, step * 0.05)]
    assert [request["params"] for request in asked] == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert [request["method"] for request in asked] == ["SUBSCRIBE"] * 3
    slow = feed()
    assert [len(sent(slow, now_s)) for now_s in (0.0, 0.1, 0.126)] == [1, 0, 1]


def test_a_feed_streams_once_every_request_is_answered() -> None:
    """An acknowledgement makes its own streams trustworthy, no others."""
    one = feed(3)
    for step in range(10):
        one.to_send(step * 0.2)
    assert one.on_ack(Ack(1)) == ("s0", "s1")
    assert one.is_acknowledged("s0")
    assert not one.is_acknowledged("s2")
    assert not one.streaming
    assert one.on_ack(Ack(2)) == ("s2",)
    assert one.streaming


def test_a_request_without_answer_is_tried_again_and_then_given_up() -> None:
    """Each attempt has its deadline; after the last the connection is given up, and the text says why."""
    one = feed(1)
    requests = [request for step in range(400) for request in sent(one, step * 0.1)]
    assert len(requests) == ATTEMPTS_MAX
    assert "subscribing to s0 (1 streams): no answer within 5 s" in one.failure
    assert not one.streaming


def test_a_refusal_is_tried_again() -> None:
    """An error answer counts as a failed attempt of that request."""
    one = feed(1)
    one.to_send(0)
    assert one.on_ack(Ack(1, "2 Invalid request")) == ()
    assert [request["id"] for request in sent(one, 1.0)] == [2]
    assert one.on_ack(Ack(2)) == ("s0",)


def test_a_refusal_that_names_no_request_counts_against_the_oldest() -> None:
    """`Invalid JSON` answers carry no id."""
    one = feed(1)
    one.to_send(0)
    one.on_ack(Ack(-1, "3 Invalid JSON"))
    assert len(sent(one, 1.0)) == 1


def test_a_stream_is_resubscribed_alone() -> None:
    """Giving up and asking again touches only the stream that is silent."""
    one = streaming()
    one.resubscribe(["s2", "unknown"])
    asked = [request for step in range(10, 20) for request in sent(one, step * 0.2)]
    assert [(request["method"], request["params"]) for request in asked] == [
        ("UNSUBSCRIBE", ["s2"]), ("SUBSCRIBE", ["s2"]),
    ]  # fmt: skip
    assert one.on_ack(Ack(3)) == ()
    assert one.on_ack(Ack(4)) == ("s2",)
    assert one.streaming


def test_streams_are_renewed_batch_by_batch_and_told_when_they_are_given_up() -> None:
    """None is off for longer than its own batch takes; from the request on it may miss something."""
    one = streaming()
    one.resubscribe(["s0", "s1", "s2"])
    assert one.renewing() == []
    told = [(request["method"][:2], one.renewing()) for step in range(10, 20) for request in sent(one, step * 0.2)]
    assert told == [("UN", ["s0", "s1"]), ("SU", []), ("UN", ["s2"]), ("SU", [])]


def test_a_stream_that_waits_for_its_answer_is_not_asked_for_twice() -> None:
    """Resubscribing during a resubscription does nothing more."""
    one = feed(1)
    one.to_send(0)
    one.on_ack(Ack(1))
    one.resubscribe(["s0"])
    sent(one, 1.0)
    sent(one, 2.0)
    one.resubscribe(["s0"])
    assert sent(one, 3.0) == []
