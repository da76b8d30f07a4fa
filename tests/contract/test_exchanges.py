"""Every market of every exchange keeps the promises of `exchanges.Market`.

Markets are discovered, so a new venue is held to them by existing. Each needs a folder of golden
frames, tests/golden/<exchange>_<market>; its README says what stands there.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchanges import Ack, BookState, DeltaVerdict, Exchange, Parser, RouteError, SnapshotVerdict
from schemas import Columns, InstrumentDefinition, Type, records, topic_of
from schemas._registry import load

GOLDEN = Path(__file__).resolve().parent.parent / "golden"

EXCHANGES: dict[str, Exchange] = load("exchanges", "EXCHANGE")
MARKETS = {f"{name}_{key}": market for name, one in EXCHANGES.items() for key, market in one.markets.items()}
KINDS = [(name, kind) for name, market in MARKETS.items() for kind in market.parsers]

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

per_market = pytest.mark.parametrize("name", MARKETS)
per_kind = pytest.mark.parametrize(("name", "kind"), KINDS)


def golden(name: str, file: str) -> list[bytes]:
    """Read golden frames, one per line."""
    return (GOLDEN / name / file).read_bytes().splitlines()


def expected(name: str, file: str) -> Any:
    """Read what golden frames become."""
    return json.loads((GOLDEN / name / file).read_text("utf-8"))


def decode(parser: Parser, frames: list[bytes]) -> list[Any]:
    """Decode as the agents do: all frames as one JSON array."""
    found: list[Any] = msgspec.json.Decoder(list[parser.message]).decode(b"[" + b",".join(frames) + b"]")
    return found


def rows_of(parser: Parser, columns: Columns) -> list[dict[str, Any]]:
    """Return the rows a batch holds: frame and the columns that are not null, decimals as short text."""
    batch, bad = columns.build()
    assert not bad, bad
    decimals = {field.name for field in topic_of(parser.record).fields if field.type is Type.DECIMAL}
    return [
        {key: short(value) if key in decimals else value for key, value in row.items() if value is not None}
        for row in batch.to_pylist()
    ]


def short(value: Decimal) -> str:
    """Format a decimal without exponent and trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parsed(parser: Parser, frames: list[bytes], cuts: tuple[int, ...] = ()) -> Columns:
    """Decode and append frames, cut into calls at the given places."""
    columns = Columns(topic_of(parser.record))
    bounds = [0, *cuts, len(frames)]
    for start, end in itertools.pairwise(bounds):
        parser.append(decode(parser, frames[start:end]), range(start, end), columns)
    return columns


@pytest.mark.parametrize("name", EXCHANGES)
def test_names_agree(name: str) -> None:
    """An exchange and its markets are known by the names they call themselves."""
    assert EXCHANGES[name].markets
    assert [market.name for market in EXCHANGES[name].markets.values()] == [*EXCHANGES[name].markets]


@per_market
def test_every_stream_can_be_subscribed_and_read(name: str) -> None:
    """Each stream has an endpoint and a parser; by default one channel feeds a kind."""
    market = MARKETS[name]
    assert len({stream.channel for stream in market.streams}) == len(market.streams)
    for stream in market.streams:
        assert market.endpoint(stream.endpoint).name == stream.endpoint
        assert market.parsers[stream.kind].record
        assert stream.period_s is None or stream.period_s > 0
    assert max(Counter(stream.kind for stream in market.streams if stream.default).values()) == 1
    assert {stream.kind for stream in market.streams} == {stream.kind for stream in market.streams if stream.default}


@per_market
def test_limits_are_positive(name: str) -> None:
    """Every documented limit is a positive number, and endpoints are encrypted and distinct."""
    market = MARKETS[name]
    for endpoint in market.endpoints:
        limits = {key: value for key, value in asdict(endpoint).items() if isinstance(value, int | float)}
        assert all(value > 0 for value in limits.values()), limits
        assert endpoint.streams_per_request_max <= endpoint.streams_max
        assert endpoint.url.startswith("wss://")
        assert (endpoint.heartbeat is None) == (endpoint.heartbeat_interval_s is None)
    assert len({endpoint.url for endpoint in market.endpoints}) == len(market.endpoints)
    assert market.rest.base.startswith("https://")
    assert market.rest.window_s > 0
    assert all(0 < one.weight <= market.rest.weight_max for one in market.instruments_requests)
    if market.snapshot_request is not None:
        assert 0 < market.snapshot_request("BTCUSDT").weight <= market.rest.weight_max


@per_market
def test_requests_name_their_streams(name: str) -> None:
    """Subscribe and unsubscribe are JSON with the id and every stream name, and differ."""
    market = MARKETS[name]
    names = [market.stream_name(stream, symbol) for stream in market.streams for symbol in ("BTCUSDT", "ETHUSDT")]
    assert len(set(names)) == len(names)
    requests = [market.subscribe(41, names), market.unsubscribe(41, names)]
    assert requests[0] != requests[1]
    for request in requests:
        text = json.dumps(json.loads(request))
        assert "41" in text
        assert all(one in text for one in names)
        assert market.ack(request) is None


@per_market
def test_control_frames_are_told_from_data(name: str) -> None:
    """Answers and notices route as control, are read as expected, and no data frame is taken for one."""
    market = MARKETS[name]
    wanted = expected(name, "control.json")
    for frame, want in zip(golden(name, "control.jsonl"), wanted, strict=True):
        assert market.route(frame).kind == "control"
        assert market.route(frame).symbol == ""
        assert market.ack(frame) == (Ack(*want["ack"]) if want["ack"] else None)
        assert market.is_reconnect_notice(frame) is want["reconnect"]
    assert any(want["ack"] and not want["ack"][1] for want in wanted)
    assert any(want["ack"] and want["ack"][1] for want in wanted)
    for stream in market.streams:
        for frame in golden(name, f"{stream.kind}.jsonl"):
            assert market.ack(frame) is None
            assert market.is_reconnect_notice(frame) is False


@per_kind
def test_golden_frames_become_the_reviewed_rows(name: str, kind: str) -> None:
    """Route, count and rows of the golden frames are exactly those written down."""
    market, frames, want = MARKETS[name], golden(name, f"{kind}.jsonl"), expected(name, f"{kind}.json")
    streams = {stream.kind.value for stream in market.streams}
    for frame, (want_kind, symbol, stream, _) in zip(frames, want["frames"], strict=True):
        assert want_kind == kind
        if kind in streams:
            routed = market.route(frame)
            assert (routed.kind, routed.symbol, routed.stream) == (want_kind, symbol, stream)
    columns = parsed(market.parsers[kind], frames)
    assert columns.counts == [count for *_, count in want["frames"]]
    assert columns.frames == [*range(len(frames))]
    assert rows_of(market.parsers[kind], columns) == want["rows"]


@per_kind
def test_every_subscribed_channel_has_a_golden_frame(name: str, kind: str) -> None:
    """Each channel of a kind, default or not, is shown by a frame whose stream name we would ask for."""
    market = MARKETS[name]
    routed = [market.route(frame) for frame in golden(name, f"{kind}.jsonl") if kind != "book_snapshot"]
    shown = {one.stream for one in routed}
    for stream in market.streams:
        if stream.kind == kind:
            assert shown & {market.stream_name(stream, one.symbol) for one in routed}, stream.channel


@per_kind
def test_cuts_do_not_change_rows(name: str, kind: str) -> None:
    """Frames appended in one call, in two, or one by one give the same rows."""
    parser, frames = MARKETS[name].parsers[kind], golden(name, f"{kind}.jsonl")
    whole = rows_of(parser, parsed(parser, frames))
    for cut in range(len(frames) + 1):
        assert rows_of(parser, parsed(parser, frames, (cut,))) == whole
    assert rows_of(parser, parsed(parser, frames, tuple(range(1, len(frames))))) == whole


@per_kind
def test_parsing_leaves_messages_alone(name: str, kind: str) -> None:
    """Appending changes no message, keeps no reference to the caller's lists, and repeats equal."""
    parser, frames = MARKETS[name].parsers[kind], golden(name, f"{kind}.jsonl")
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
    """Record, topic and id columns of a parser are declared, and every row can be identified."""
    parser = MARKETS[name].parsers[kind]
    record = records()[parser.record]
    names = {field.name for field in record.columns}
    assert parser.topic == record.topic
    assert bool(parser.id_column) != bool(parser.composite_id)
    assert {*parser.composite_id, *([parser.id_column] if parser.id_column else [])} <= names
    assert not parser.contiguous or parser.ordered
    for row in rows_of(parser, parsed(parser, golden(name, f"{kind}.jsonl"))):
        assert set(row) - {"frame", "kind"} <= names
        assert {*parser.composite_id, *([parser.id_column] if parser.id_column else [])} <= set(row)


@per_kind
def test_an_unlisted_id_is_that_of_a_frame_without_rows(name: str, kind: str) -> None:
    """Where ids have no holes, a frame that is no row of this market's own symbols still tells its id."""
    parser = MARKETS[name].parsers[kind]
    if parser.unlisted_id is None:
        return
    frames = golden(name, f"{kind}.jsonl")
    told = [parser.unlisted_id(message) for message in decode(parser, frames)]
    counts = parsed(parser, frames).counts
    assert any(number is not None for number in told)
    assert all(number is None for number, count in zip(told, counts, strict=True) if count)


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
    """Route raises RouteError, the peeks ValueError or RecursionError, ack and notice nothing."""
    market = MARKETS[name]
    for frame in NO_FRAME:
        with pytest.raises(RouteError):
            market.route(frame)
        assert market.ack(frame) is None
        assert market.is_reconnect_notice(frame) is False
        for read in (market.peek_book, market.peek_snapshot, market.instruments, market.instrument):
            with pytest.raises((ValueError, RecursionError)):
                read(frame)


@per_market
def test_peeked_ids_are_the_ids_of_the_rows(name: str) -> None:
    """What the producer peeks of a book frame is what the agent's columns hold."""
    market = MARKETS[name]
    for kind in ("book", "book_snapshot"):
        peek = market.peek_book if kind == "book" else market.peek_snapshot
        frames = golden(name, f"{kind}.jsonl")
        columns = parsed(market.parsers[kind], frames)
        peeks = [peek(frame) for frame in frames]
        assert [one.last for one in peeks] == columns.values["last_update_id"]
        assert [one.snapshot for one in peeks] == [kind == "book_snapshot"] * len(frames)
        if kind == "book":
            for name_of_id, attribute in (("first_update_id", "first"), ("prev_update_id", "prev")):
                ids = columns.values[name_of_id]
                assert not ids or [getattr(one, attribute) for one in peeks] == ids


@per_market
def test_instruments_are_named_from_metadata(name: str) -> None:
    """Definitions and canonical names are those written down; each keeps its own bytes and reads alone."""
    market = MARKETS[name]
    body = (GOLDEN / name / "instruments_body.json").read_bytes()
    found = market.instruments(body)
    wanted = msgspec.convert(expected(name, "instruments.json"), list[InstrumentDefinition])
    assert [definition for definition, _ in found] == wanted
    assert len({definition.symbol for definition, _ in found}) == len(found)
    for definition, raw in found:
        assert raw in body
        assert market.instrument(raw) == definition


@per_market
def test_a_new_book_waits_for_its_snapshot_and_a_gap_forgets_it(name: str) -> None:
    """No delta alone makes a book valid; after a gap nothing of the chain is left; the state survives bytes."""
    rules, state = MARKETS[name].book_rules, BookState()
    assert rules.on_delta(state, 10, 12, 9) in {DeltaVerdict.BUFFERED, DeltaVerdict.BREAK}
    assert state.valid is False
    assert rules.on_snapshot(state, 12) in set(SnapshotVerdict)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BookState) == state
    rules.on_gap(state)
    assert (state.valid, state.last, state.snapshot, state.pending) == (False, -1, -1, [])
