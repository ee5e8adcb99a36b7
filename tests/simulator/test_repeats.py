"""A fault that ends: the first so many of the same request meet it, the next is answered, and the story begins anew."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from gateway.simulator import repeats
from gateway.simulator.connection import Request
from gateway.simulator.repeats import Repeats
from tests.simulator.conftest import Bench

ASKED = {"model": "gemini-3-flash-preview", "input": "hi", "stream": True}


async def asked(bench: Bench, fault: str, scenario: str = "", body: object = ASKED, **headers: str) -> int:
    """The status of one request; 0 when the connection ended without an answer."""
    named = {"x-simulator-scenario": scenario} if scenario else {}
    seen = await bench.client.ask("POST", "/v1/interactions", body, {"x-simulator-fault": fault, **named, **headers})
    return seen.status if seen is not None else 0


STORIES = [  # the fault, the scenario, and the statuses of the same request over and over
    pytest.param("fails=1", "http_409", [409, 200, 409, 200], id="once"),
    pytest.param("fails=2", "http_500", [500, 500, 200, 500], id="twice"),
    pytest.param("fails=0", "http_500", [200, 200], id="never"),
    pytest.param("no-head;fails=1", "", [0, 200, 0], id="a directive instead of a scenario"),
    pytest.param("", "http_500", [500, 500, 500], id="for ever"),
]


@pytest.mark.parametrize(("fault", "scenario", "statuses"), STORIES)
async def test_a_fault_ends_after_so_many_of_the_same_request(
    bench: Bench, fault: str, scenario: str, statuses: list[int]
) -> None:
    """After the answer that ends it, the same request fails again."""
    assert [await asked(bench, fault, scenario) for _ in statuses] == statuses


async def test_the_request_that_ends_a_fault_is_answered_by_its_body(bench: Bench) -> None:
    """Nothing of the fault is left in it, and the ledger says what was played."""
    await asked(bench, "fails=1;gzip;stall-after=1:0.01", "http_503")
    await asked(bench, "fails=1;gzip;stall-after=1:0.01", "http_503")
    failed, answered = bench.simulator.ledger()

    assert (failed["scenario"], failed["status"]) == ("http_503", 503)
    assert (answered["scenario"], answered["ended"]) == ("text", "complete")
    assert answered["body_sha256"] == answered["plain_sha256"]


async def test_requests_that_differ_are_stories_of_their_own(bench: Bench) -> None:
    """Another body, another header or another fault begins at its beginning; a header of one hop doesn't matter."""
    first = await asked(bench, "fails=1", "http_409")
    other_body = await asked(bench, "fails=1", "http_409", {**ASKED, "input": "ho"})
    other_header = await asked(bench, "fails=1", "http_409", **{"x-scene-7": "1"})
    other_fault = await asked(bench, "fails=2", "http_409")
    other_hop = await asked(bench, "fails=1", "http_409", te="trailers")

    assert (first, other_body, other_header, other_fault, other_hop) == (409, 409, 409, 409, 200)


async def test_a_poll_can_fail_once(bench: Bench) -> None:
    """Requests about an interaction that exists have their stories too."""
    await bench.client.create("unary")
    path = f"/v1/interactions/{bench.last()['interaction_id']}"
    headers = {"x-simulator-scenario": "http_500", "x-simulator-fault": "fails=1"}
    failed = await bench.client.ask("GET", path, headers=headers)
    answered = await bench.client.ask("GET", path, headers=headers)

    assert failed is not None
    assert answered is not None
    assert (failed.status, answered.status) == (500, 200)
    document: Any = answered.json()
    assert document["status"] == "completed"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The story that was quiet for longest is forgotten first: it would begin again."""
    monkeypatch.setattr(repeats, "STORIES_MAX", 2)
    known = Repeats()
    first, second, third = (Request("POST", f"/{n}", (), b"", 0, True, True) for n in range(3))
    for request in (first, second, first, third):
        assert known.fails(request, 3)

    assert known.fails(first, 2) is False
    assert known.fails(second, 1) is True


async def test_a_date_in_a_header_is_made_when_it_is_sent(bench: Bench) -> None:
    """Three seconds ahead, to the second below, in the form of HTTP."""
    before_s = int(time.time())
    seen = await bench.client.create("http_503_date")
    value = seen.headers["retry-after"]

    assert value.endswith(" GMT")
    assert before_s + 3 <= parsedate_to_datetime(value).timestamp() <= time.time() + 3
