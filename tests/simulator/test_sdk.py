"""The examples of the API's streaming guide, run by the Python SDK against the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google import genai

from tests.simulator.conftest import Bench
from tests.simulator.test_routes import COUNT, DIVISOR, FLASH, GLADIATOR, MOUNTAIN, PARIS, RESEARCH, RESULT

Call = Callable[[Any], list[Any]]


async def with_sdk(bench: Bench, call: Call) -> list[Any]:
    """What a blocking use of the SDK's client gives, run beside the loop that serves it."""

    def use() -> list[Any]:
        options: Any = {"base_url": f"http://127.0.0.1:{bench.client.port}", "retry_options": {"attempts": 1}}
        with genai.Client(api_key="any", http_options=options) as client:
            return call(client.interactions)

    return await asyncio.to_thread(use)


STREAMED = [  # the example, then the last status, then the delta types an example's loop looks at
    pytest.param(COUNT, "completed", {"text", "thought_signature"}, id="count"),
    pytest.param(PARIS, "requires_action", {"arguments_delta", "thought_signature"}, id="weather"),
    pytest.param(RESULT, "completed", {"text"}, id="weather's result"),
    pytest.param(MOUNTAIN, "requires_action", {"google_search_call", "arguments_delta"}, id="mountain"),
    pytest.param(DIVISOR, "completed", {"thought_summary", "text"}, id="divisor"),
    pytest.param(RESEARCH, "completed", {"thought_summary", "text"}, id="research"),
    pytest.param(GLADIATOR, "completed", {"image", "text"}, id="gladiator"),
]


@pytest.mark.parametrize(("body", "status", "kinds"), STREAMED)
async def test_an_example_of_the_guide_works(bench: Bench, body: dict[str, Any], status: str, kinds: set[str]) -> None:
    """Created first, the expected deltas, and a closing event with the total tokens."""
    events = await with_sdk(bench, lambda interactions: list(interactions.create(**body)))
    deltas = {event.delta.type for event in events if event.event_type == "step.delta"}

    assert events[0].event_type == "interaction.created"
    assert deltas >= kinds
    assert events[-1].event_type == "interaction.completed"
    assert events[-1].interaction.status == status
    assert events[-1].interaction.usage.total_tokens > 0


async def test_both_turns_of_the_weather_work(bench: Bench) -> None:
    """The second turn refers to the first by the id and call id that the first one streamed."""

    def turns(interactions: Any) -> list[Any]:
        first = list(interactions.create(**PARIS))
        call = next(
            event.step for event in first if getattr(event, "step", None) and event.step.type == "function_call"
        )
        result = {"type": "function_result", "name": call.name, "call_id": call.id, "result": "22 °C"}
        again = {"model": FLASH, "previous_interaction_id": first[0].interaction.id, "input": [result], "stream": True}
        return list(interactions.create(**again))

    events = await with_sdk(bench, turns)
    entries: list[Any] = bench.simulator.ledger()

    assert "".join(event.delta.text for event in events if event.event_type == "step.delta").startswith("Paris: sunny")
    assert entries[1]["request"]["previous_interaction_id"] == entries[0]["interaction_id"]


async def test_a_long_answer_continues_by_itself(bench: Bench) -> None:
    """The SDK makes the second hop on its own, with the same model name."""
    body = {"model": "sim-requires_continuation_hop1", "input": "Tell", "stream": True}
    events = await with_sdk(bench, lambda interactions: list(interactions.create(**body)))
    names = [entry["scenario"] for entry in bench.simulator.ledger()]

    assert names == ["requires_continuation_hop1", "requires_continuation_hop2"]
    assert [event.interaction.status for event in events if event.event_type == "interaction.completed"][
        -1
    ] == "completed"


async def test_a_background_run_can_be_polled(bench: Bench) -> None:
    """Create, get until completed, delete."""

    def poll(interactions: Any) -> list[Any]:
        body = {key: value for key, value in RESEARCH.items() if key != "stream"}
        seen = [interactions.create(**body)]
        while seen[-1].status != "completed":
            seen.append(interactions.get(seen[0].id))
        interactions.delete(seen[0].id)
        return seen

    seen = await with_sdk(bench, poll)

    assert [each.status for each in seen] == ["queued", "in_progress", "completed"]
    assert bench.last()["route"] == "delete"
