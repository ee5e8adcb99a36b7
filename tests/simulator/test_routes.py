"""Requests find their scenario, interactions live and end, and the ledger tells of all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.catalogue import scenarios
from gateway.simulator.selection import UnknownScenarioError, choose, read_asked
from tests.simulator.client import Seen
from tests.simulator.conftest import Bench

STREAMS = Path(__file__).parent.parent / "streams"
FLASH = "gemini-3-flash-preview"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}
COUNT = {"model": FLASH, "input": "Count to from 1 to 25.", "stream": True}
PARIS = {"model": FLASH, "input": "What is the weather in Paris right now?", "stream": True, "tools": [WEATHER]}
RESULT = {
    "model": FLASH,
    "previous_interaction_id": "v1_ChdGUVFJYXBXVUdLVEF4TjhQ...",
    "stream": True,
    "input": [
        {
            "type": "function_result",
            "name": "get_weather",
            "call_id": "CALL_ID",
            "result": {"content": [{"type": "text", "text": '{"weather": "Sunny and 22°C"}'}]},
        }
    ],
}
MOUNTAIN = {
    "model": FLASH,
    "input": "Search what it the largest mountain in Europe and what the weather is there right now?",
    "stream": True,
    "tools": [{"type": "google_search"}, WEATHER],
}
DIVISOR = {
    "model": FLASH,
    "input": "What is the greatest common divisor of 1071 and 462?",
    "stream": True,
    "generation_config": {"thinking_summaries": "auto"},
}
RESEARCH = {
    "agent": "deep-research-preview-04-2026",
    "input": "Research the latest advances in quantum computing.",
    "stream": True,
    "background": True,
    "agent_config": {"type": "deep-research", "thinking_summaries": "auto"},
}
GLADIATOR = {
    "model": "gemini-3.1-flash-image-preview",
    "input": "Search for the history of the Colosseum and write a short illustrated story about a gladiator named "
    "Marcus. Interleave text and generated images.",
    "stream": True,
    "tools": [{"type": "google_search", "search_types": ["web_search", "image_search"]}],
    "generation_config": {"thinking_summaries": "auto"},
    "response_format": [{"type": "text"}, {"type": "image"}],
}

SHAPES = [  # the request's body, its scenario with a stream, and without
    pytest.param(COUNT, "text", "unary", id="the guide counts"),
    pytest.param(PARIS, "function_call", "unary_function_call", id="the guide asks for the weather"),
    pytest.param(RESULT, "function_call_turn2", "unary_function_call_turn2", id="the guide returns the weather"),
    pytest.param(MOUNTAIN, "several_tools", "unary_tools", id="the guide uses several tools"),
    pytest.param(DIVISOR, "thinking", "unary_thinking", id="the guide thinks"),
    pytest.param(RESEARCH, "deep_research", "background", id="the guide's agent"),
    pytest.param(GLADIATOR, "image", "unary_image", id="the guide's images"),
    pytest.param({**COUNT, "background": True}, "deep_research", "background", id="background with a model"),
    pytest.param({**COUNT, "tools": [{"type": "google_search"}]}, "google_search", "unary_google_search", id="search"),
    pytest.param({**COUNT, "tools": [{"type": "code_execution"}]}, "code_execution", "unary_code_execution", id="code"),
    pytest.param({**COUNT, "tools": [{"type": "url_context"}]}, "url_context", "unary_url_context", id="pages"),
    pytest.param({**COUNT, "tools": [{"type": "mcp_server", "url": "x"}]}, "mcp", "unary_mcp", id="an mcp server"),
    pytest.param({**COUNT, "response_format": {"type": "image"}}, "image", "unary_image", id="an image alone"),
    pytest.param({**COUNT, "response_format": {"type": "audio"}}, "audio", "unary_audio", id="speech"),
    pytest.param(
        {"model": FLASH, "stream": True, "continuation_token": "ct_hop1_end", "previous_interaction_id": "v1_x"},
        "requires_continuation_hop2",
        "unary_continuation_hop2",
        id="a second hop",
    ),
    pytest.param({"model": "sim-second-completed", "stream": True}, "second_completed", "second_completed", id="sim-"),
    pytest.param({"model": "sim-text", "stream": True}, "text", "unary", id="a model's name has a counterpart"),
    pytest.param({"agent": "sim-http_429", "stream": True}, "http_429", "http_429", id="an agent's name"),
    pytest.param(
        {"model": "sim-requires_continuation_hop1", "stream": True, "continuation_token": "ct_hop1_end"},
        "requires_continuation_hop2",
        "unary_continuation_hop2",
        id="a named story goes on",
    ),
]


@pytest.mark.parametrize(("body", "streamed", "whole"), SHAPES)
def test_a_body_finds_its_scenario(body: dict[str, object], streamed: str, whole: str) -> None:
    """Each example of the guide works with its own model name, as do names and the second parts of stories."""
    shelf = scenarios()
    unary = {**body, "stream": False}
    absent = {key: value for key, value in body.items() if key != "stream"}

    assert choose(read_asked(json.dumps(body).encode()), "", shelf)[0].name == streamed
    assert choose(read_asked(json.dumps(unary).encode()), "", shelf)[0].name == whole
    assert choose(read_asked(json.dumps(absent).encode()), "", shelf)[0].name == whole
    assert choose(read_asked(json.dumps(body).encode()), "audio", shelf)[0].name == "audio"


def test_an_unknown_name_is_refused() -> None:
    """A name that is asked for is never replaced by another scenario."""
    for body, header in (({"model": "sim-nothing"}, ""), ({"model": FLASH}, "nothing")):
        with pytest.raises(UnknownScenarioError):
            choose(read_asked(json.dumps(body).encode()), header, scenarios())


PATHS = [
    "/v1/interactions",
    "/v1beta/interactions",
    "/v1beta1/projects/P/locations/L/interactions",
    "/some/prefix/v1/interactions?key=SECRET&a=1",
]


@pytest.mark.parametrize("path", PATHS)
async def test_any_prefix_leads_to_the_api(bench: Bench, path: str) -> None:
    """The version and what stands before it do not matter, and a key never reaches the ledger."""
    seen = await bench.client.ask("POST", path, COUNT)

    assert seen is not None
    assert seen.headers["content-type"] == "text/event-stream"
    assert bench.last()["route"] == "create"
    assert "SECRET" not in json.dumps(bench.simulator.ledger())


async def test_the_asked_model_stands_in_the_bytes(bench: Bench) -> None:
    """By shape and header the request's own names are played, quoted as JSON."""
    seen = await bench.client.ask("POST", "/v1/interactions", {**COUNT, "model": 'my "own"'})
    agent = await bench.client.ask("POST", "/v1/interactions", {**RESEARCH, "agent": "antigravity-preview"})

    assert seen is not None
    assert agent is not None
    assert seen.body.count(b'"model":"my \\"own\\""') == 2
    assert agent.body.count(b'"agent":"antigravity-preview"') == 2


async def test_ids_are_fresh_and_times_are_now(bench: Bench) -> None:
    """Two plays are two interactions; the ledger knows which is which."""
    first, second = await bench.client.create("second_interaction"), await bench.client.create("text")
    ids = [str(entry["interaction_id"]) for entry in bench.simulator.ledger()]

    assert len(set(ids)) == 2
    assert ids[0].encode() in first.body
    assert ids[1].encode() in second.body
    assert len(ids[0]) == len("v1_SimInteraction0001")
    assert b"SimInteraction" not in first.body + second.body
    assert b"2026-05-12" not in first.body + second.body


async def ask(bench: Bench, method: str, target: str, body: object = None) -> Seen:
    seen = await bench.client.ask(method, target, body)
    assert seen is not None
    return seen


async def background(bench: Bench) -> str:
    """A background run that was just created, as the path to it."""
    seen = await ask(bench, "POST", "/v1/interactions", {**RESEARCH, "stream": False})
    document: Any = seen.json()
    assert document["status"] == "queued"
    return f"/v1/interactions/{document['id']}"


async def test_a_background_run_comes_to_its_end_by_polls(bench: Bench) -> None:
    """Queued, in progress, completed; then it stays, and a cancel is refused."""
    path = await background(bench)
    polls: list[Any] = [(await ask(bench, "GET", path + "?stream=false")).json() for _ in range(3)]
    refused = await ask(bench, "POST", path + "/cancel")

    assert [poll["status"] for poll in polls] == ["in_progress", "completed", "completed"]
    assert {poll["id"] for poll in polls} == {path.rpartition("/")[2]}
    assert polls[1]["usage"] == polls[2]["usage"]
    assert refused.status == 400
    assert [entry["route"] for entry in bench.simulator.ledger()] == ["create", "get", "get", "get", "cancel"]
    assert bench.simulator.ledger()[2]["expected"] == scenarios()["background"].polls[1].expected


async def test_a_cancelled_run_stays_cancelled(bench: Bench) -> None:
    """A cancel answers with the interaction, and polls after it say the same."""
    path = await background(bench)
    cancelled: Any = (await ask(bench, "POST", path + "/cancel")).json()
    polled: Any = (await ask(bench, "GET", path)).json()

    assert (cancelled["status"], polled["status"]) == ("cancelled", "cancelled")
    assert bench.last()["expected"]["outcome"] == "cancelled"  # type: ignore[index]


async def test_a_deleted_interaction_is_gone(bench: Bench) -> None:
    """DELETE answers with an empty object, once."""
    path = await background(bench)
    deleted = await ask(bench, "DELETE", path)
    again = await ask(bench, "DELETE", path)
    polled = await ask(bench, "GET", path)

    assert deleted.json() == {}
    assert (again.status, polled.status) == (404, 404)


async def test_a_stream_can_be_resumed_after_an_event(bench: Bench) -> None:
    """The rest of the same run with the same ids, in the recorded layout."""
    whole = await ask(bench, "POST", "/v1/interactions", RESEARCH)
    path = f"/v1/interactions/{bench.last()['interaction_id']}?stream=true"
    rest = await ask(bench, "GET", path + "&last_event_id=evt_0005")
    resumed = bench.last()
    full = await ask(bench, "GET", path)
    unknown = await ask(bench, "GET", path + "&last_event_id=evt_9999")
    recorded = (STREAMS / "deep_research_resume.sse").read_bytes()

    assert whole.body.endswith(rest.body)
    assert rest.body.count(b"\n\n") == recorded.count(b"\n\n")
    assert rest.body.startswith(recorded[:80])
    assert full.body == whole.body
    assert unknown.status == 400
    assert resumed["expected"] == scenarios()["deep_research"].resumes["evt_0005"]


async def test_a_finished_stream_can_be_fetched(bench: Bench) -> None:
    """A GET shows the closing event's object with the same usage; one that never closed is in progress."""
    await bench.client.create("text", model=FLASH)
    done: Any = (await ask(bench, "GET", f"/v1/interactions/{bench.last()['interaction_id']}")).json()
    expected = bench.last()["expected"]
    await bench.client.create("truncated")
    cut: Any = (await ask(bench, "GET", f"/v1/interactions/{bench.last()['interaction_id']}")).json()

    assert (done["status"], done["usage"]["total_tokens"], done["model"]) == ("completed", 346, FLASH)
    assert expected["tokens"] == scenarios()["text"].answer.expected["tokens"]  # type: ignore[index]
    assert cut["status"] == "in_progress"


async def test_other_paths_are_answered_too(bench: Bench) -> None:
    """The classic calls work a little; everything else is a 404 of the classic form."""
    whole: Any = (await ask(bench, "POST", "/v1beta/models/gemini-3:generateContent", {})).json()
    streamed = await ask(bench, "POST", "/v1beta/models/gemini-3:streamGenerateContent?alt=sse", {})
    missing = await ask(bench, "GET", "/v1/files")
    document: Any = missing.json()

    assert "candidates" in whole
    assert streamed.body.count(b"data: {") == 2
    assert (missing.status, document["error"]["status"]) == (404, "NOT_FOUND")
    assert {entry["route"] for entry in bench.simulator.ledger()} == {"other"}


async def test_the_ledger_is_served_and_reset(bench: Bench) -> None:
    """Its pages are no API requests; numbers go on after a reset and lead from the answer's header to the entry."""
    seen = await ask(bench, "POST", "/v1/interactions", COUNT)
    await ask(bench, "POST", "/v1/interactions", PARIS)
    newer: Any = (await ask(bench, "GET", "/__simulator__/ledger?after=1")).json()
    whole: Any = (await ask(bench, "GET", "/__simulator__/ledger")).json()
    await ask(bench, "DELETE", "/__simulator__/ledger")
    names: Any = (await ask(bench, "GET", "/__simulator__/scenarios")).json()

    assert seen.headers["x-simulator-seq"] == "1"
    assert [entry["seq"] for entry in whole] == [1, 2]
    assert newer == whole[1:]
    assert bench.simulator.ledger() == []
    assert [each["name"] for each in names] == list(scenarios())
    assert (await ask(bench, "GET", "/__simulator__/other")).status == 404


async def test_an_entry_says_what_was_asked_and_sent(bench: Bench) -> None:
    """Facts of the request, facts of each event, times in order; header values only of user agents."""
    headers = {"x-goog-api-key": "SECRET", "user-agent": "one", "User-Agent": "two", "cookie": ""}
    seen = await bench.client.ask("POST", "/v1/interactions", {**RESULT, "stream": True}, headers)
    entry: Any = bench.last()
    times = [event["t_ns"] for event in entry["events"]]

    assert seen is not None
    assert entry["request"]["previous_interaction_id"] == RESULT["previous_interaction_id"]
    assert (entry["request"]["stream"], entry["request"]["continuation_token"]) == (True, False)
    assert entry["request"]["user_agents"] == ["one", "two"]
    assert entry["request"]["header_names"].count("user-agent") == 2
    assert "SECRET" not in json.dumps(entry)
    assert entry["received_ns"] <= entry["head_sent_ns"] <= times[0]
    assert times == sorted(times)
    assert times[-1] <= entry["ended_ns"]
    assert [{k: v for k, v in event.items() if k not in {"index", "t_ns"}} for event in entry["events"]] == [
        event.facts for event in scenarios()["function_call_turn2"].answer.events
    ]
