"""The faults of a campaign are repeatable, spread over the roles, and in time meet everything."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

from cryptoflow.chaos.faults import FAIL_POINTS, OCCURRENCES_MAX, PAUSE_MAX_S, PAUSE_MIN_S, Fault, draw

LONG = 400


def first(count: int, seed: int = 1, members: int = 2) -> list[Fault]:
    """Return the first faults of a campaign."""
    return list(islice(draw(seed, members), count))


def test_a_seed_says_it_all() -> None:
    """The same seed draws the same faults, another seed others."""
    assert first(LONG, 7) == first(LONG, 7)
    assert first(LONG, 7) != first(LONG, 8)


def test_roles_are_killed_in_turn() -> None:
    """Between two kills of a role both others are killed, so a short campaign meets all three."""
    roles = [fault.role for fault in first(LONG) if fault.kind == "kill"]
    assert set(roles[:3]) == FAIL_POINTS.keys()
    assert all(one != other for one, other in pairwise(roles))
    assert {len({*three}) for three in zip(roles, roles[1:], roles[2:], strict=False)} == {3}


def test_a_long_campaign_meets_every_fail_point() -> None:
    """Points of a role take turns; each is of its role, and a recovery is met at its first occurrence."""
    for seed in range(5):
        met: dict[str, Counter[str]] = {role: Counter() for role in FAIL_POINTS}
        for fault in first(LONG, seed):
            if fault.point:
                name, _, nth = fault.point.partition(":")
                met[fault.role][name] += 1
                assert 1 <= int(nth) <= (1 if name.endswith("recovery") else OCCURRENCES_MAX)
        for role, points in FAIL_POINTS.items():
            assert met[role].keys() == set(points)
            assert max(met[role].values()) - min(met[role].values()) <= 1


def test_about_half_of_the_kills_hit_any_instant() -> None:
    """The other half arms a point."""
    kills = [fault for fault in first(LONG) if fault.kind == "kill"]
    assert 0.4 < sum(not fault.point for fault in kills) / len(kills) < 0.6


def test_everything_else_happens_between_the_kills() -> None:
    """Workers pause beyond their session, so do edges; partitions move; the broker dies, all within thirty faults."""
    found = first(60)
    kinds = {(fault.kind, fault.role) for fault in found}
    assert {("pause", "worker"), ("move", "worker"), ("broker", "broker")} <= kinds
    assert kinds & {("pause", "sink"), ("pause", "producer")}
    assert all(PAUSE_MIN_S <= fault.pause_s <= PAUSE_MAX_S for fault in found if fault.kind == "pause")
    assert ("broker", "broker") in {(fault.kind, fault.role) for fault in found[:30]}


def test_only_members_that_exist_are_hit() -> None:
    """There is one producer, and as many workers and sinks as there are."""
    for members in (1, 2, 3):
        hit = {(fault.role, fault.member) for fault in first(LONG, members=members)}
        assert {member for role, member in hit if role == "producer"} == {0}
        assert {member for role, member in hit if role == "worker"} == set(range(members))
