"""Every market of every exchange keeps the promises of `exchanges.Market`.

Markets are discovered, so a new venue is held to them by existing. Each needs a folder of golden
frames, tests/golden/<exchange>_<market>; its README says what stands there.
"""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from golden import (
    EXCHANGES,
    GOLDEN,
    MARKETS,
    bodies,
    decode,
    definitions,
    exists,
    expected,
    lines,
    names_of,
    parsed,
    places,
    rows_of,
)

from cryptoflow import registry
from exchanges import (
    BACKFILL,
    BOOK_SNAPSHOT,
    CONTROL,
    Ack,
    BookState,
    DeltaVerdict,
    Market,
    Per,
    RouteError,
    SnapshotVerdict,
    Stream,
    StreamKind,
)
from schemas import Columns, records, topic_of

KINDS = [(name, kind) for name, market in MARKETS.items() for kind in market.parsers]
KINDS_OF_ONE_CHANNEL = (StreamKind.TRADES, StreamKind.BOOK, StreamKind.QUOTES)
"""Kinds that one channel feeds by default: two would tell the same rows with other ids."""

NO_FRAME = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b'{"stream":',
    b'{"stream":"',
    b'{"stream":"nothing@known","data":{}}',
    b'{"stream":7,"data":[]}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"result":' + b"[" * 100_000,
    b'{"id":true,"result":null}',
    b"serverShutdown",
]
"""Bytes that no venue sends and every byte-reading answer has to survive."""

UNPROVEN_BOOKS = {
    "coinbase_exchange": "PROTOCOLS 6.1.5: nothing on the wire counts its frames; the venue promises their delivery, "
    "and the producer declares every disconnect and silence",
}
"""Markets whose books have neither ids, nor a count of frames, nor a checksum, each with the reason."""

per_market = pytest.mark.parametrize("name", MARKETS)
per_kind = pytest.mark.parametrize(("name", "kind"), KINDS)


def kinds_fed(market: Market) -> list[str]:
    """List the kinds that the default channels feed, once per channel."""
    return [kind.value for stream in market.streams if stream.default for kind in (stream.kind, *stream.also)]


def heard_on(market: Market, stream: Stream, symbol: str) -> str:
    """Return what frames of a symbol's stream call it."""
    return market.heard_as(market.stream_name(stream, symbol))


def ids(values: Sequence[Any], count: int) -> list[int]:
    """Return a column of ids as peeks tell them: -1 where there is none."""
    return [-1 if value is None else value for value in (values or [None] * count)]


@pytest.mark.parametrize("name", EXCHANGES)
def test_names_agree(name: str) -> None:
    """An exchange and its markets are known by the names they call themselves."""
    assert EXCHANGES[name].markets
    assert [market.name for market in EXCHANGES[name].markets.values()] == [*EXCHANGES[name].markets]


@pytest.mark.parametrize("name", registry.load("exchanges", "EXCHANGE"))
def test_wire_structs_name_their_section(name: str) -> None:
    """Each struct, or the module it stands in, says by which section of PROTOCOLS it was written."""
    package = importlib.import_module(f"exchanges.{name}")
    found = [info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    modules = [importlib.import_module(one) for one in found if one.rpartition(".")[2].endswith("messages")]
    assert modules
    for module in modules:
        for struct in vars(module).values():
            if isinstance(struct, type) and struct.__module__ == module.__name__:
                assert "PROTOCOLS" in f"{struct.__doc__} {module.__doc__}", f"{module.__name__}.{struct.__name__}"


@per_market
def test_every_stream_can_be_subscribed_and_read(name: str) -> None:
    """Each stream has an endpoint and parsers; each kind is fed by default, by one channel where two would repeat."""
    market = MARKETS[name]
    assert len({stream.channel for stream in market.streams}) == len(market.streams)
    for stream in market.streams:
        assert market.endpoint(stream.endpoint).name == stream.endpoint
        assert all(market.parsers[kind].record for kind in (stream.kind, *stream.also))
        assert stream.period_s is None or stream.period_s > 0
    fed = Counter(kinds_fed(market))
    assert all(fed[kind] <= 1 for kind in KINDS_OF_ONE_CHANNEL), fed
    assert {stream.kind for stream in market.streams} <= set(fed)
    extra = {BOOK_SNAPSHOT} if "book" in fed else set()
    assert set(market.parsers) == {*fed, *extra, *([BACKFILL] if market.trade_fill else [])}


@per_market
def test_limits_are_positive(name: str) -> None:
    """Every documented limit is a positive number, and endpoints are encrypted and distinct."""
    market = MARKETS[name]
    for endpoint in market.endpoints:
        limits = {
            key: value
            for key, value in asdict(endpoint).items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        assert all(value > 0 for value in limits.values()), limits
        assert endpoint.streams_per_request_max <= endpoint.streams_max
        assert endpoint.url.startswith("wss://")
        assert (endpoint.heartbeat is None) == (endpoint.heartbeat_interval_s is None)
        assert endpoint.heartbeat is None or market.ack(endpoint.heartbeat) is None
        assert len(set(endpoint.extra_streams)) == len(endpoint.extra_streams)
    assert len({endpoint.url for endpoint in market.endpoints}) == len(market.endpoints)
    assert market.rest.base.startswith("https://")
    assert market.rest.window_s > 0
    assert all(pause_s > 0 for pause_s in market.rest.back_off_s.values())
    requests = [*market.instruments_requests]
    requests += [market.volumes_request] if market.volumes_request else []
    requests += [market.snapshot_request("BTCUSDT")] if market.snapshot_request else []
    requests += [market.trade_fill.request("BTCUSDT", 7)] if market.trade_fill else []
    assert all(0 < one.weight <= market.rest.weight_max for one in requests)
    assert all(one.path.startswith("/") for one in requests)


@per_market
def test_an_accepted_answer_is_no_refusal(name: str) -> None:
    """The bodies that are read are not taken for refusals, and neither is what is no answer at all."""
    refusal = MARKETS[name].rest.refusal
    assert all(refusal(body) == "" for body in bodies(name))
    assert all(isinstance(refusal(frame), str) for frame in NO_FRAME)


@per_market
def test_requests_name_their_streams(name: str) -> None:
    """Requests are those written down, each of one group, and together they ask for every channel."""
    market, wanted = MARKETS[name], expected(name, "requests.json")
    for want in wanted:
        asked = {"subscribe": market.subscribe, "unsubscribe": market.unsubscribe}
        frames = {verb: make(want["id"], want["names"]) for verb, make in asked.items()}
        assert {verb: json.loads(frame) for verb, frame in frames.items()} == {verb: want[verb] for verb in asked}
        assert want["subscribe"] != want["unsubscribe"]
        assert len({market.request_group(one) for one in want["names"]}) == 1
        assert all(market.ack(frame) is None for frame in frames.values())
    shown = {one for want in wanted for one in want["names"]}
    for stream in market.streams:
        assert shown & set(names_of(name, stream)), stream.channel


@per_market
def test_subscriptions_have_names_of_their_own(name: str) -> None:
    """No two subscriptions share a name, and frames tell which of them they came on as far as `heard_as` says."""
    market = MARKETS[name]
    names = [one for stream in market.streams for one in names_of(name, stream)]
    names += [one for endpoint in market.endpoints for one in endpoint.extra_streams]
    assert len(set(names)) == len(names)
    by_default = [one for stream in market.streams if stream.default for one in names_of(name, stream)]
    assert len({market.heard_as(one) for one in by_default}) == len(by_default)


@per_market
def test_control_frames_are_told_from_data(name: str) -> None:
    """Answers and notices route as control, are read as expected, and no data frame is taken for one."""
    market, wanted = MARKETS[name], expected(name, "control.json")
    known = {one for stream in market.streams for one in names_of(name, stream)}
    known |= {one for endpoint in market.endpoints for one in endpoint.extra_streams}
    acks = []
    for frame, want in zip(lines(name, "control.jsonl"), wanted, strict=True):
        assert market.route(frame).kind == CONTROL
        assert (market.route(frame).symbol, market.route(frame).parts) == ("", ())
        told = want["ack"]
        wanted_ack = Ack(*told) if isinstance(told, list) else told and msgspec.convert(told, Ack)
        assert market.ack(frame) == wanted_ack, frame
        assert market.is_reconnect_notice(frame) is want["reconnect"], frame
        acks += [wanted_ack] if wanted_ack else []
    assert any(not one.error for one in acks)
    assert any(one.error for one in acks)
    # An accepted answer without a request id is told by the streams it names.
    assert all(set(one.streams) <= known for one in acks if not one.error)
    assert all(one.streams for one in acks if not one.error and one.request_id < 0)
    for kind in market.parsers:
        for frame, (*_, stream, _) in zip(
            lines(name, f"{kind}.jsonl"), expected(name, f"{kind}.json")["frames"], strict=True
        ):
            if stream:
                assert market.ack(frame) is None
                assert market.is_reconnect_notice(frame) is False


@per_kind
def test_golden_frames_become_the_reviewed_rows(name: str, kind: str) -> None:
    """Route, count and rows of the golden frames are exactly those written down."""
    market, frames, want = MARKETS[name], lines(name, f"{kind}.jsonl"), expected(name, f"{kind}.json")
    for frame, (want_kind, symbol, stream, _) in zip(frames, want["frames"], strict=True):
        assert want_kind == kind
        if stream:  # a body of a REST answer comes on none
            found = [(part.kind, part.symbol, part.stream) for part in places(market, frame)]
            assert (want_kind, symbol, stream) in found
    columns = parsed(market.parsers[kind], frames)
    assert columns.counts == [count for *_, count in want["frames"]]
    assert columns.frames == [*range(len(frames))]
    assert rows_of(market.parsers[kind], columns) == want["rows"]


@per_market
def test_frames_of_several_symbols_or_kinds_are_parted(name: str) -> None:
    """Parts are those written down, in order; each routes to its own place again and can be read."""
    market = MARKETS[name]
    if not exists(name, "parts.jsonl"):
        assert not any(stream.also for stream in market.streams), "a frame that serves two kinds has parts"
        return
    for frame, want in zip(lines(name, "parts.jsonl"), expected(name, "parts.json"), strict=True):
        routed = market.route(frame)
        assert len(want) > 1
        assert [[part.kind, part.symbol, part.stream, part.raw.decode()] for part in routed.parts] == want
        assert [routed.kind, routed.symbol, routed.stream] == want[0][:3]
        for part in routed.parts:
            assert (part.kind, part.symbol, part.stream) in {
                (one.kind, one.symbol, one.stream) for one in places(market, part.raw)
            }
            assert parsed(market.parsers[part.kind], [part.raw]).frames == [0]


@per_market
def test_every_subscribed_channel_has_a_golden_frame(name: str) -> None:
    """Each channel, default or not, is shown for each kind it feeds by a frame whose stream we would ask for."""
    market = MARKETS[name]
    for stream in market.streams:
        heard = {market.heard_as(one) for one in names_of(name, stream)}
        for kind in (stream.kind, *stream.also):
            parts = [part for frame in lines(name, f"{kind}.jsonl") for part in places(market, frame) if part.stream]
            shown = [part for part in parts if part.kind == kind and part.stream in heard]
            assert shown, (stream.channel, kind)
            if stream.per is Per.SYMBOL:
                assert any(part.stream == heard_on(market, stream, part.symbol) for part in shown), stream.channel


@per_kind
def test_cuts_do_not_change_rows(name: str, kind: str) -> None:
    """Frames appended in one call, in two, or one by one give the same rows."""
    parser, frames = MARKETS[name].parsers[kind], lines(name, f"{kind}.jsonl")
    whole = rows_of(parser, parsed(parser, frames))
    for cut in range(len(frames) + 1):
        assert rows_of(parser, parsed(parser, frames, (cut,))) == whole
    assert rows_of(parser, parsed(parser, frames, tuple(range(1, len(frames))))) == whole


@per_kind
def test_parsing_leaves_messages_alone(name: str, kind: str) -> None:
    """Appending changes no message, keeps no reference to the caller's lists, and repeats equal."""
    parser, frames = MARKETS[name].parsers[kind], lines(name, f"{kind}.jsonl")
    messages, numbers = decode(parser, frames), [*range(len(frames))]
    before = copy.deepcopy(messages)
    columns = Columns(topic_of(parser.record))
    parser.append(messages, numbers, columns)
    assert messages == before
    assert numbers == [*range(len(frames))]
    first = rows_of(parser, columns)
    messages.clear()
    assert rows_of(parser, columns) == first


@per_kind
def test_no_frames_are_no_rows(name: str, kind: str) -> None:
    """An empty batch is a batch without frames and rows."""
    columns = Columns(topic_of(MARKETS[name].parsers[kind].record))
    MARKETS[name].parsers[kind].append([], [], columns)
    assert (columns.frames, columns.rows) == ([], 0)
    assert columns.build()[0].num_rows == 0


@per_kind
def test_parsers_name_what_exists(name: str, kind: str) -> None:
    """Record, topic and id columns of a parser are declared; rows can be identified, or only one connection counts."""
    market = MARKETS[name]
    parser = market.parsers[kind]
    record = records()[parser.record]
    names = {field.name for field in record.columns}
    assert parser.topic == record.topic
    assert not (parser.id_column and parser.composite_id)
    assert parser.id_column or parser.composite_id or kind in market.scoped_kinds
    assert {*parser.composite_id, *([parser.id_column] if parser.id_column else [])} <= names
    assert not parser.contiguous or parser.ordered
    assert parser.stream == ("trades" if kind == BACKFILL else "")
    for row in rows_of(parser, parsed(parser, lines(name, f"{kind}.jsonl"))):
        assert set(row) - {"frame", "kind"} <= names
        assert not parser.id_column or parser.id_column in row
        assert not parser.composite_id or set(parser.composite_id) & set(row)


@per_kind
def test_an_unlisted_id_is_that_of_a_frame_without_rows(name: str, kind: str) -> None:
    """Where ids have no holes, a frame that is no row of this market's own symbols still tells its id."""
    parser = MARKETS[name].parsers[kind]
    if parser.unlisted_id is None:
        return
    frames = lines(name, f"{kind}.jsonl")
    told = [parser.unlisted_id(message) for message in decode(parser, frames)]
    counts = parsed(parser, frames).counts
    assert any(number is not None for number in told)
    assert all(number is None for number, count in zip(told, counts, strict=True) if count)


@per_market
def test_contracts_are_not_taken_for_coins(name: str) -> None:
    """Sizes in the base asset are stored as such; of contracts the definition says what one is worth."""
    market = MARKETS[name]
    rows = [
        row
        for kind in {"trades", "liquidations", BACKFILL} & set(market.parsers)
        for row in rows_of(market.parsers[kind], parsed(market.parsers[kind], lines(name, f"{kind}.jsonl")))
    ]
    in_base = {"base_size" in row for row in rows}
    assert len(in_base) == 1
    if in_base == {True}:
        assert all(row["base_size"] == row["size"] for row in rows)
        assert all(not one.inverse and one.contract_value in {None, "1"} for one in definitions(name))
    else:
        assert all(one.contract_value and Decimal(one.contract_value) > 0 for one in definitions(name))
        assert not any("notional" in row for row in rows)


@per_market
def test_unreadable_frames_are_refused(name: str) -> None:
    """A frame that is broken, incomplete or does not fit raises, or names its bad cell; it is never a row."""
    for kind, text, why in expected(name, "unreadable.json"):
        parser = MARKETS[name].parsers[kind]
        try:
            _, bad = parsed(parser, [text.encode()]).build()
        except (ValueError, RecursionError):
            continue
        assert bad, why
        assert {cell.frame for cell in bad} == {0}


@per_market
def test_hostile_bytes_raise_only_what_is_documented(name: str) -> None:
    """Route raises RouteError, the peeks ValueError or RecursionError, ack, notice and sequence nothing."""
    market = MARKETS[name]
    for frame in NO_FRAME:
        with pytest.raises(RouteError):
            market.route(frame)
        assert market.ack(frame) is None
        assert market.is_reconnect_notice(frame) is False
        assert market.connection_sequence is None or market.connection_sequence(frame) is None
        for read in (market.peek_book, market.peek_snapshot, market.instrument):
            with pytest.raises((ValueError, RecursionError)):
                read(frame)
        try:
            assert market.instruments(frame) == []  # an empty list is a body at some venues
        except (ValueError, RecursionError):
            continue
        assert frame in {b"[]", b"{}"}


@per_market
def test_peeked_ids_are_the_ids_of_the_rows(name: str) -> None:
    """What the producer peeks of a book frame is what the agent's columns hold; -1 where there is none."""
    market = MARKETS[name]
    for kind in ("book", BOOK_SNAPSHOT):
        frames, want = lines(name, f"{kind}.jsonl"), expected(name, f"{kind}.json")["frames"]
        columns = parsed(market.parsers[kind], frames)
        # A snapshot on the socket is a book frame and a snapshot at once: both peeks say the same of it.
        peeks = [
            (market.peek_book if stream else market.peek_snapshot)(frame)
            for frame, (*_, stream, _) in zip(frames, want, strict=True)
        ]
        if kind == BOOK_SNAPSHOT:
            assert [market.peek_snapshot(frame) for frame in frames] == peeks
        assert [one.last for one in peeks] == ids(columns.values["last_update_id"], len(frames))
        assert [one.snapshot for one in peeks] == [kind == BOOK_SNAPSHOT] * len(frames)
        if kind == "book":
            for column, attribute in (("first_update_id", "first"), ("prev_update_id", "prev")):
                held = columns.values[column]
                assert not held or [getattr(one, attribute) for one in peeks] == ids(held, len(frames))


@per_market
def test_instruments_are_named_from_metadata(name: str) -> None:
    """Definitions and canonical names are those written down; each keeps its own bytes and reads alone."""
    market = MARKETS[name]
    found = [(body, *one) for body in bodies(name) for one in market.instruments(body)]
    assert [definition for _, definition, _ in found] == definitions(name)
    assert len({definition.symbol for _, definition, _ in found}) == len(found)
    assert any(definition.is_trading for _, definition, _ in found)
    for body, definition, raw in found:
        assert raw in body
        assert market.instrument(raw) == definition


@per_market
def test_volumes_are_those_written_down(name: str) -> None:
    """The traded value of each symbol is read exactly."""
    market = MARKETS[name]
    assert (market.volumes is None) == (market.volumes_request is None)
    if market.volumes is not None:
        body = (GOLDEN / name / "volumes_body.json").read_bytes()
        want = {symbol: Decimal(text) for symbol, text in expected(name, "volumes.json").items()}
        assert dict(market.volumes(body)) == want
        for frame in NO_FRAME[:5]:
            try:
                assert not market.volumes(frame)
            except (ValueError, RecursionError):
                continue


@per_market
def test_missing_trades_can_be_asked_for(name: str) -> None:
    """The request is the one written down; its answer is cut into the golden frames, ids rising."""
    fill = MARKETS[name].trade_fill
    if fill is None:
        return
    want = expected(name, "trade_fill.json")
    assert json.loads(json.dumps(asdict(fill.request(want["symbol"], want["from_id"])))) == want["request"]
    found = fill.trades(want["symbol"], (GOLDEN / name / "trade_fill_body.json").read_bytes())
    frames = [raw for _, raw in found]
    assert frames == lines(name, f"{BACKFILL}.jsonl")
    told = [one for one, _ in found]
    assert told == sorted(set(told))
    assert 0 < len(told) <= fill.trades_max
    parser = MARKETS[name].parsers[BACKFILL]
    assert [int(row["trade_id"]) for row in rows_of(parser, parsed(parser, frames))] == told


@per_market
def test_a_new_book_waits_for_its_snapshot_and_a_gap_forgets_it(name: str) -> None:
    """No delta alone makes a book valid; after a gap nothing of the chain is left; the state survives bytes."""
    market, state = MARKETS[name], BookState()
    rules, with_ids = market.book_rules, bool(market.parsers["book"].id_column)
    delta, last = ((10, 12, 9), 12) if with_ids else ((-1, -1, -1), -1)
    assert rules.on_delta(state, *delta) in {DeltaVerdict.BUFFERED, DeltaVerdict.BREAK}
    assert state.valid is False
    verdict = rules.on_snapshot(state, last, in_stream=market.in_stream_snapshots)
    assert verdict is SnapshotVerdict.SPLICED or not market.in_stream_snapshots
    assert state.valid or not market.in_stream_snapshots
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BookState) == state
    rules.on_gap(state)
    assert (state.valid, state.last, state.snapshot, state.pending) == (False, -1, -1, [])


@per_market
def test_a_book_without_ids_is_proven_otherwise(name: str) -> None:
    """Every book has a snapshot to start from and something that proves it: ids, a count of frames, or a checksum.

    A market that has none of them is named, with the reason.
    """
    market = MARKETS[name]
    assert market.in_stream_snapshots or market.snapshot_request is not None
    assert market.scoped_kinds <= set(market.parsers)
    if not market.parsers["book"].id_column:
        proven = market.connection_sequence is not None or market.book_check is not None
        assert proven is (name not in UNPROVEN_BOOKS)
        assert {"book", BOOK_SNAPSHOT} <= market.scoped_kinds


@per_market
def test_a_count_of_frames_is_read_from_all_of_them(name: str) -> None:
    """Where a connection counts its frames, each frame that has rows tells its number."""
    market = MARKETS[name]
    if market.connection_sequence is None:
        return
    for kind in market.parsers:
        for frame, (*_, stream, _) in zip(
            lines(name, f"{kind}.jsonl"), expected(name, f"{kind}.json")["frames"], strict=True
        ):
            number = market.connection_sequence(frame)
            assert not stream or (number is not None and number >= market.connection_sequence_start)


@per_market
def test_retired_dialects_end_one_after_the_other(name: str) -> None:
    """A frame is read as the venue wrote it when it was received; each moment has one dialect."""
    market = MARKETS[name]
    ends = [end_ns for end_ns, _ in market.earlier]
    assert ends == sorted(set(ends), reverse=True)
    for end_ns, dialect in market.earlier:
        assert dialect.name == market.name
        assert market.at(end_ns - 1) is dialect
        assert market.at(end_ns) is not dialect
        assert not dialect.earlier
    assert market.at(2**63 - 1) is market
