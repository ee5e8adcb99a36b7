"""What leaves the socket is the scenario, in every split, coding and framing, and each fault does what it says."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import zlib

import pytest

from gateway.simulator.catalogue import scenarios
from gateway.simulator.faults import DirectiveError, read_directives
from gateway.simulator.scenario import Scenario
from tests.simulator.client import Client
from tests.simulator.conftest import Bench

EACH = [pytest.param(scenario, id=name) for name, scenario in scenarios().items()]
SMALL_BYTES = 64 * 1024
FRESH_ID = re.compile(rb"v1_Sim[0-9a-f]{15}")
TIME = re.compile(rb'("(?:created|updated)": ?")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')


def literal(scenario: Scenario, upto: int | None = None) -> bytes:
    return b"".join(event.wire for event in scenario.answer.events[:upto])


def put_back(body: bytes) -> bytes:
    """The body with its first two fresh ids and all times made those of the files."""
    seen: dict[bytes, bytes] = {}
    for match in FRESH_ID.finditer(body):
        seen.setdefault(match[0], b"v1_SimInteraction%04d" % (len(seen) + 1))
    return same_times(FRESH_ID.sub(lambda match: seen[match[0]], body))


def same_times(body: bytes) -> bytes:
    return TIME.sub(rb"\g<1>2026-01-01T00:00:00Z", body)


@pytest.mark.parametrize("scenario", EACH)
async def test_the_bytes_are_the_files_in_every_split(bench: Bench, scenario: Scenario) -> None:
    """A split changes the chunks and never the body; the ledger knows both sums."""
    want = literal(scenario)
    splits = ["whole", "event"] + (["byte", "random:7"] if len(want) < SMALL_BYTES else [])
    for split in splits:
        seen = await bench.client.create(scenario.name, split=split)
        entry = bench.last()

        assert seen.status == scenario.answer.status
        assert seen.is_whole
        assert put_back(seen.body) == same_times(want)
        assert (entry["ended"], entry["expected"]) == ("complete", scenario.answer.expected)
        assert entry["body_bytes"] == len(seen.body)
        assert entry["body_sha256"] == entry["plain_sha256"] == hashlib.sha256(seen.body).hexdigest()
        if seen.is_chunked and split == "event":
            assert [len(chunk) for chunk in seen.chunks] == [len(event.wire) for event in scenario.answer.events]
        if seen.is_chunked and split == "byte":
            assert {len(chunk) for chunk in seen.chunks} <= {1}
        if seen.is_chunked and split == "whole":
            assert len(seen.chunks) == (1 if want else 0)


async def test_a_random_split_is_the_same_for_the_same_seed(bench: Bench) -> None:
    """A failing cut can be played again."""
    first, again, other = [
        [len(chunk) for chunk in (await bench.client.create("thinking", split=f"random:{seed}")).chunks]
        for seed in (3, 3, 4)
    ]

    assert first == again
    assert first != other


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_coded_stream_can_be_read_event_by_event(bench: Bench, coding: str) -> None:
    """Each chunk decodes to one whole event, as the coding is flushed behind each."""
    scenario = scenarios()["thinking"]
    seen = await bench.client.create("thinking", coding)
    unpack = zlib.decompressobj(wbits=47)
    events = [unpack.decompress(chunk) for chunk in seen.chunks]
    plain = b"".join(events)

    assert seen.headers["content-encoding"] == coding
    assert [len(event) for event in events if event] == [len(event.wire) for event in scenario.answer.events]
    assert unpack.eof
    assert bench.last()["plain_sha256"] == hashlib.sha256(plain).hexdigest()
    assert bench.last()["body_sha256"] == hashlib.sha256(seen.body).hexdigest()


async def test_a_coded_json_answer_states_its_coded_length(bench: Bench) -> None:
    """The length is that of the bytes that travel."""
    seen = await bench.client.create("unary", "gzip")

    assert int(seen.headers["content-length"]) == len(seen.raw)
    assert put_back(gzip.decompress(seen.raw)) == same_times(literal(scenarios()["unary"]))


STOPS = [  # fault, how the ledger calls it, whether the framing ends well, whether the client gets a reset
    pytest.param("cut-after=4", "cut", False, False, id="a cut has no last chunk"),
    pytest.param("rst-after=4", "rst", False, True, id="a reset is one"),
    pytest.param("end-after=4", "ended_early", True, False, id="an early end is a clean one"),
]


@pytest.mark.parametrize(("fault", "ended", "whole", "reset"), STOPS)
async def test_a_stop_after_events(bench: Bench, fault: str, ended: str, whole: bool, reset: bool) -> None:
    """Exactly so many events come; the ledger says how it ended and expects nothing."""
    seen = await bench.client.create("text", fault)
    entry = bench.last()

    assert put_back(seen.body) == literal(scenarios()["text"], 4)
    assert (seen.is_whole, seen.was_reset) == (whole, reset)
    assert (entry["ended"], entry["expected"]) == (ended, None)
    assert len(entry["events"]) == 4  # type: ignore[arg-type]


async def test_a_cut_after_bytes(bench: Bench) -> None:
    """A cut can fall inside an event, which then does not count as sent."""
    first = len(scenarios()["text"].answer.events[0].wire)
    seen = await bench.client.create("text", f"cut-bytes={first + 5}")

    assert len(seen.body) == first + 5
    assert not seen.is_whole
    assert [event["index"] for event in bench.last()["events"]] == [0]  # type: ignore[attr-defined]


async def test_a_stop_behind_the_end_cuts_only_the_terminator(bench: Bench) -> None:
    """The whole body and still no end: what a client sees when the last packet is lost."""
    seen = await bench.client.create("text", "cut-after=99")

    assert put_back(seen.body) == same_times(literal(scenarios()["text"]))
    assert not seen.is_whole


async def test_a_json_answer_can_be_cut(bench: Bench) -> None:
    """The stated length stays, so the client knows that something is missing."""
    seen = await bench.client.create("unary", "cut-bytes=20")

    assert len(seen.raw) == 20
    assert not seen.is_whole


async def test_no_head_closes_without_an_answer(bench: Bench) -> None:
    """The request was read, so a client cannot know whether it was billed."""
    headers = {"x-simulator-scenario": "text", "x-simulator-fault": "no-head"}

    assert await bench.client.ask("POST", "/v1/interactions", {}, headers) is None
    assert (bench.last()["ended"], bench.last()["status"]) == ("no_head", None)


async def test_close_delimited_has_no_framing(bench: Bench) -> None:
    """The end of the connection is the end of the body."""
    seen = await bench.client.create("text", "close-delimited")

    assert not {"content-length", "transfer-encoding"} & set(seen.headers)
    assert seen.headers["connection"] == "close"
    assert put_back(seen.raw) == same_times(literal(scenarios()["text"]))


@pytest.mark.parametrize(("fault", "events"), [("hang", 0), ("hold-after=3", 3), ("stall-after=3:3600", 3)])
@pytest.mark.parametrize("abruptly", [True, False], ids=["reset", "closed"])
async def test_a_leaving_client_is_seen_while_nothing_is_sent(
    bench: Bench, fault: str, events: int, abruptly: bool
) -> None:
    """Without a write in the air, its end is noticed all the same."""
    headers = {"x-simulator-scenario": "text", "x-simulator-fault": fault}
    reader, writer = await bench.client.open("POST", "/v1/interactions", {}, headers)
    for event in scenarios()["text"].answer.events[:events]:
        await reader.readuntil(event.wire[-20:])
    await bench.simulator.received(1)
    assert bench.last()["ended"] == "open"
    if abruptly:
        writer.transport.abort()
    else:
        writer.close()
    await asyncio.wait_for(bench.simulator.ended(1), 5)
    entry = bench.last()

    assert entry["ended"] == "client_gone"
    assert isinstance(entry["client_gone_ns"], int)
    assert len(entry["events"]) == events  # type: ignore[arg-type]


async def test_delays_and_stalls_take_their_time(bench: Bench) -> None:
    """The head waits for head-delay, the event behind a stall for the stall."""
    await bench.client.create("text", "head-delay=0.05; stall-after=2:0.04")
    entry = bench.last()
    times = [event["t_ns"] for event in entry["events"]]  # type: ignore[attr-defined]

    assert entry["head_sent_ns"] - entry["received_ns"] >= 50_000_000  # type: ignore[operator]
    assert times[2] - times[1] >= 40_000_000


async def test_a_stall_falls_between_the_events_it_names_in_one_write(bench: Bench) -> None:
    """A stall ends a write, so that what stands before it really is out."""
    seen = await bench.client.create("text", "stall-after=2:0.01", split="whole")

    assert len(seen.chunks[0]) == len(literal(scenarios()["text"], 2))


async def test_the_pace_follows_the_scenario(bench: Bench) -> None:
    """At a factor of the pace, the first delta waits longer than those that follow."""
    headers = {"x-simulator-scenario": "text", "x-simulator-pace": "0.2"}
    await bench.client.ask("POST", "/v1/interactions", {}, headers)
    events: list[dict[str, int]] = bench.last()["events"]  # type: ignore[assignment]
    times = [event["t_ns"] for event in events]

    assert times[3] - times[2] >= 0.2 * 300 * 0.75 * 1_000_000
    assert times[7] - times[6] >= 0.2 * 20 * 0.75 * 1_000_000


async def test_an_old_client_gets_no_chunks(bench: Bench) -> None:
    """HTTP/1.0 has none: the body ends with the connection."""
    headers = {"x-simulator-scenario": "text"}
    seen = await bench.client.ask("POST", "/v1/interactions", {}, headers, version="1.0")

    assert seen is not None
    assert not seen.is_chunked
    assert put_back(seen.raw) == same_times(literal(scenarios()["text"]))


async def test_a_connection_carries_several_requests(bench: Bench) -> None:
    """Pipelined requests are answered in order on one connection."""
    reader, writer = await bench.client.open("GET", "/v1/interactions/v1_a", keep=True)
    writer.write(b"GET /v1/interactions/v1_b HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n")
    data = await reader.read()
    writer.close()

    assert data.count(b"HTTP/1.1 404 Not Found") == 2
    assert [entry["target"][-1] for entry in bench.simulator.ledger()] == ["a", "b"]  # type: ignore[index]


async def test_nonsense_is_a_bad_request(bench: Bench) -> None:
    """Bytes that are no HTTP get a 400 and an end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.client.port)
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")
    data = await reader.read()
    writer.close()

    assert data.startswith(b"HTTP/1.1 400 ")


async def test_close_leaves_nobody_waiting(bench: Bench) -> None:
    """A client held for ever is dropped when the simulator closes."""
    reader, writer = await bench.client.open(
        "POST", "/v1/interactions", {}, {"x-simulator-scenario": "text", "x-simulator-fault": "hold-after=1"}
    )
    await reader.readuntil(b"\r\n\r\n")
    await bench.simulator.close()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(100_000)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await Client(bench.client.port).ask("GET", "/")


BAD_HEADERS = [
    ("x-simulator-fault", "explode"),
    ("x-simulator-fault", "cut-after=soon"),
    ("x-simulator-fault", "stall-after=2"),
    ("x-simulator-fault", "head-delay=-1"),
    ("x-simulator-split", "halves"),
    ("x-simulator-split", "random:x"),
    ("x-simulator-pace", "fast"),
]


@pytest.mark.parametrize(("name", "value"), BAD_HEADERS)
async def test_a_directive_that_is_not_understood_is_refused(bench: Bench, name: str, value: str) -> None:
    """A typing mistake must not become a test that passes for nothing."""
    with pytest.raises(DirectiveError):
        read_directives({name: value})
    seen = await bench.client.ask("POST", "/v1/interactions", {"model": "sim-text"}, {name: value})

    assert seen is not None
    assert seen.status == 400
