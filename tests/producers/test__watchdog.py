"""Silence is noticed, with a limit that has a name, and heartbeats do not hide it."""

from __future__ import annotations

from itertools import pairwise

from exchanges import StreamKind
from producers._watchdog import NS_PER_S, PauseDetector, Remedy, Silence, SilenceLimits, StreamInfo, Watchdog

LIMITS = SilenceLimits(
    connection_silence_s=30, silence_min_s=15, silence_factor=30, silence_period_factor=5, unheard_limit_s=120
)
FUNDING = StreamInfo("a@markPrice@1s", StreamKind.FUNDING, "A", 1.0)
TRADES = StreamInfo("a@aggTrade", StreamKind.TRADES, "A", None)
FORCED = StreamInfo("a@forceOrder", StreamKind.LIQUIDATIONS, "A", None)


class Bench:
    """Run a watchdog second by second."""

    def __init__(self, *infos: StreamInfo) -> None:
        """Open and acknowledge at second 1."""
        self.dog = Watchdog(infos, LIMITS)
        self.now_s = 1.0
        self.dog.opened(self.now_ns)
        self.dog.acknowledged([info.name for info in infos], self.now_ns)

    @property
    def now_ns(self) -> int:
        """Return the time."""
        return int(self.now_s * NS_PER_S)

    def run(self, seconds: float, every_s: dict[StreamInfo, float]) -> list[tuple[float, Silence]]:
        """Let time pass with these streams talking at these intervals; return alarms and when."""
        found = []
        end = self.now_s + seconds
        start = self.now_s
        due = {info: start + interval for info, interval in every_s.items()}
        while self.now_s < end:
            self.now_s = round(self.now_s + 0.25, 6)
            for info, interval in every_s.items():
                while due[info] <= self.now_s:
                    self.dog.heard(info.name, self.now_ns)
                    due[info] += interval
            found += [(self.now_s, silence) for silence in self.dog.check(self.now_ns)]
        return found


def test_a_documented_period_is_the_limit() -> None:
    """Five periods without a frame are a failure; the report says since when and which limit."""
    bench = Bench(FUNDING, TRADES)
    assert bench.run(20, {FUNDING: 1.0, TRADES: 0.5}) == []
    heard = bench.dog.last_ns[FUNDING.name]
    (at_s, silence), *_ = bench.run(10, {TRADES: 0.5})
    assert (silence.info, silence.since_ns, silence.limit_name) == (FUNDING, heard, "silence_period_factor")
    assert 5 < at_s - heard / NS_PER_S <= 5.5
    assert silence.first


def test_names_nobody_subscribed_are_not_remembered() -> None:
    """A venue may invent any number of them, or be late with a stream given up; the connection lives all the same."""
    bench = Bench(TRADES)
    bench.dog.heard("other", 5 * NS_PER_S)
    assert (bench.dog.last_ns, bench.dog.connection_ns) == ({}, 5 * NS_PER_S)
    bench.dog.heard(TRADES.name, 6 * NS_PER_S)
    bench.dog.drop([TRADES])
    bench.dog.heard(TRADES.name, 7 * NS_PER_S)
    bench.dog.add([TRADES])
    assert not bench.dog.last_ns


def test_a_rate_is_learned() -> None:
    """A stream usually heard every two seconds is silent after sixty, not after its neighbour's fifteen."""
    bench = Bench(TRADES)
    bench.run(120, {TRADES: 2.0})
    limit_s, name = bench.dog.limit(TRADES.name) or (0, "")
    assert name == "silence_factor"
    assert 58 <= limit_s <= 70
    ((at_s, _), *_) = bench.run(100, {})
    assert 58 <= at_s - bench.dog.last_ns[TRADES.name] / NS_PER_S <= 70


def test_acknowledged_but_silent_is_a_failure() -> None:
    """A stream that never says anything after its acknowledgement is reported, since the acknowledgement."""
    bench = Bench(TRADES, FUNDING)
    ((at_s, silence), *_) = bench.run(130, {FUNDING: 1.0})
    assert (silence.info, silence.limit_name, silence.since_ns) == (TRADES, "unheard_limit_s", NS_PER_S)
    assert 121 < at_s < 122


def test_liquidations_may_be_absent() -> None:
    """A stream that may be silent for hours has no limit of its own."""
    bench = Bench(FORCED, FUNDING)
    assert bench.run(1000, {FUNDING: 1.0}) == []


def test_the_remedy_grows_and_alarms_thin_out() -> None:
    """The stream first, then its symbol, then the connection; each alarm doubles the patience."""
    bench = Bench(FUNDING, TRADES)
    bench.run(5, {FUNDING: 1.0, TRADES: 0.5})
    alarms = bench.run(120, {TRADES: 0.5})
    assert [silence.remedy for _, silence in alarms[:3]] == [Remedy.STREAM, Remedy.SYMBOL, Remedy.CONNECTION]
    waits = [second - first for (first, _), (second, _) in pairwise(alarms)]
    assert waits == sorted(waits)
    assert [silence.first for _, silence in alarms] == [True] + [False] * (len(alarms) - 1)


def test_one_silent_stream_costs_the_connection_once() -> None:
    """Silent on the next connection too, it alone is asked for again, ever more rarely; hearing it ends that."""
    other = [StreamInfo(f"{n}@bookTicker", StreamKind.QUOTES, str(n), None) for n in range(3)]
    bench = Bench(FUNDING, *other)
    bench.run(5, {FUNDING: 1.0, **dict.fromkeys(other, 1.0)})
    alarms = bench.run(60, dict.fromkeys(other, 1.0))
    assert [one.remedy for _, one in alarms[-2:]] == [Remedy.SYMBOL, Remedy.CONNECTION]
    told = bench.dog.alarms()
    assert told == {FUNDING.name: len(alarms)}
    following = Bench(FUNDING, *other)
    following.dog.remember({**told, "another": 3})
    alarms = following.run(600, dict.fromkeys(other, 1.0))
    assert {one.remedy for _, one in alarms} == {Remedy.STREAM}
    assert not any(one.first for _, one in alarms)
    following.run(2, {FUNDING: 1.0})
    assert following.dog.alarms() == {}


def test_a_quiet_symbol_does_not_cost_the_connection() -> None:
    """Without a documented period, only if most streams are silent is the connection opened again."""
    other = [StreamInfo(f"{n}@bookTicker", StreamKind.QUOTES, str(n), None) for n in range(3)]
    bench = Bench(TRADES, *other)
    alarms = bench.run(3000, dict.fromkeys(other, 1.0))
    assert len(alarms) > 3
    assert {silence.remedy for _, silence in alarms} == {Remedy.STREAM, Remedy.SYMBOL}


def test_hearing_a_stream_ends_its_alarm() -> None:
    """After it is heard again it starts over: the next silence is news."""
    bench = Bench(FUNDING)
    bench.run(5, {FUNDING: 1.0})
    assert bench.run(8, {})
    assert bench.run(5, {FUNDING: 1.0}) == []
    assert bench.run(8, {})[0][1].first


def test_the_connection_has_a_limit_of_its_own() -> None:
    """No data frame at all within connection_silence_s."""
    bench = Bench(FORCED)
    bench.run(29, {})
    assert not bench.dog.is_connection_silent(bench.now_ns)
    bench.run(2, {})
    assert bench.dog.is_connection_silent(bench.now_ns)


def test_only_healthy_idle_streams_are_called_alive() -> None:
    """A stream is alive once heard here; a silent one is not; liquidations follow their connection."""
    bench = Bench(FUNDING, TRADES, FORCED)
    assert bench.dog.idle(bench.now_ns + 6 * NS_PER_S, 5.0) == {}
    bench.run(10, {FUNDING: 1.0})
    idle = bench.dog.idle(bench.now_ns, 5.0)
    assert idle == {"A": ([StreamKind.LIQUIDATIONS], 30 * NS_PER_S)}
    bench.run(30, {FUNDING: 1.0, TRADES: 1.0})
    bench.run(6, {FUNDING: 1.0})
    kinds, limit_ns = bench.dog.idle(bench.now_ns, 5.0)["A"]
    assert kinds == [StreamKind.TRADES, StreamKind.LIQUIDATIONS]
    assert limit_ns >= 30 * NS_PER_S
    bench.run(60, {FUNDING: 1.0})
    assert bench.dog.idle(bench.now_ns, 5.0)["A"][0] == [StreamKind.LIQUIDATIONS]


def test_silences_are_told_for_every_stream() -> None:
    """The gauge knows how long each stream has been silent."""
    bench = Bench(FUNDING, TRADES)
    bench.run(10, {FUNDING: 1.0})
    told = {info.name: seconds for info, seconds in bench.dog.silences(bench.now_ns)}
    assert told[FUNDING.name] <= 1
    assert told[TRADES.name] == 10


def test_a_pause_of_this_process_is_noticed_by_either_clock() -> None:
    """SIGSTOP shows on both clocks, a suspended host on wall time alone."""
    detector = PauseDetector(5.0)
    assert detector.tick(10.0, 10 * NS_PER_S) == 0
    assert detector.tick(10.25, 10 * NS_PER_S + NS_PER_S // 4) == 0
    assert detector.tick(20.25, 20 * NS_PER_S) == 10
    assert detector.tick(20.5, 50 * NS_PER_S) == 30
    assert detector.tick(20.75, 50 * NS_PER_S) == 0


def test_a_stream_beyond_its_limit_is_silent_until_it_is_heard() -> None:
    """For people to look at; the alarm itself comes once."""
    one = Bench(FUNDING)
    one.run(3, {})
    assert not one.dog.is_silent(FUNDING.name)
    one.run(4, {})
    assert one.dog.is_silent(FUNDING.name)
    one.run(2, {FUNDING: 1.0})
    assert not one.dog.is_silent(FUNDING.name)
