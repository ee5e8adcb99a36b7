"""Every fault of the simulator costs the upstream as many requests through the gateway as directly.

With the newest SDKs and their own retries. Not here: the faults (faults.py), faults with the retries switched off
(test_scenes.py). Those that SDKs wait after are heavy.
"""

from __future__ import annotations

import dataclasses

import pytest

from gateway.simulator.catalogue import scenarios
from gateway.simulator.faults import Directives, read_directives
from tests.gateway_process import GatewayProcess
from tests.ports import closed_port
from tests.sdk.conftest import Bench
from tests.sdk.faults import FAULTS_AT_ONCE, FAULTS_WITH_WAITS, REFUSED, REFUSED_THROUGH
from tests.sdk.playing import (
    DIRECT,
    JAVASCRIPT,
    PYTHON,
    PYTHON_ASYNC,
    THROUGH,
    Json,
    Plays,
    Sdk,
    differences,
    play_all,
)
from tests.sdk.scenes import Scene

pytestmark = pytest.mark.xdist_group("sdk")

SDKS = [PYTHON, PYTHON_ASYNC, JAVASCRIPT]
SPLIT_AND_PACE = {"split", "pace"}  # no faults

each_sdk = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)


@pytest.fixture(scope="module")
def plays_at_once(bench: Bench, js_home: object) -> Plays:
    return play_all(bench.simulator, bench.gateway.url, SDKS, FAULTS_AT_ONCE)


@pytest.fixture(scope="module")
def plays_with_waits(bench: Bench, js_home: object) -> Plays:
    return play_all(bench.simulator, bench.gateway.url, SDKS, FAULTS_WITH_WAITS)


def check(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """As many requests as the reference says, both ways; the same for the caller, and the same asked."""
    direct, through = plays[sdk.name, DIRECT, scene.name], plays[sdk.name, THROUGH, scene.name]
    seen_as = plays[sdk.name, DIRECT, scene.seen_as] if scene.seen_as else None
    end = sdk.end_of(scene)

    assert [(len(played.entries), played.last()) for played in (direct, through)] == [(end.requests, end.last)] * 2
    for played in (direct, through):
        assert all(took >= least for took, least in zip(played.waits_s(), end.waits_s, strict=False)), played.waits_s()
    assert differences(direct, through, seen_as) == []


@each_sdk
@pytest.mark.parametrize("scene", FAULTS_AT_ONCE, ids=lambda scene: scene.name)
def test_a_fault_costs_the_same_requests_through_the_gateway(plays_at_once: Plays, sdk: Sdk, scene: Scene) -> None:
    """The number stands in the table, with what the caller gets of it."""
    check(plays_at_once, sdk, scene)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@each_sdk
@pytest.mark.parametrize("scene", FAULTS_WITH_WAITS, ids=lambda scene: scene.name)
def test_a_fault_that_is_asked_again_after_waits_costs_the_same(
    plays_with_waits: Plays, sdk: Sdk, scene: Scene
) -> None:
    """As above, with the waits of an SDK between its requests."""
    check(plays_with_waits, sdk, scene)


@dataclasses.dataclass(frozen=True, slots=True)
class Nobody:
    """An upstream that refuses: its port is taken, and nobody listens there."""

    url: str

    def ledger(self, after: int = 0) -> list[Json]:
        """Nothing ever arrives."""
        return []


@pytest.mark.heavy
def test_a_refused_connection_is_an_answer_of_the_gateway_and_asked_again(js_home: object) -> None:
    """The one fault whose requests differ: 5 attempts by the Python SDK, which gives up at once where it is refused.

    The upstream sees no request either way. What the SDK sends again never left the gateway, so nothing is paid twice.
    """
    with closed_port() as port:
        nobody = Nobody(f"http://127.0.0.1:{port}")
        with GatewayProcess(nobody.url) as gateway:
            plays = play_all(nobody, gateway.url, SDKS, [REFUSED])
            scrape = gateway.settled(len(SDKS) * REFUSED_THROUGH.requests)

    for sdk in SDKS:
        direct, through = plays[sdk.name, DIRECT, REFUSED.name], plays[sdk.name, THROUGH, REFUSED.name]

        assert (len(direct.sent), direct.last()) == (sdk.end_of(REFUSED).requests, sdk.end_of(REFUSED).last)
        assert (len(through.sent), through.last()) == (REFUSED_THROUGH.requests, REFUSED_THROUGH.last)
        assert [head["status"] for head in through.heads] == [502] * REFUSED_THROUGH.requests
    assert scrape.total("errors_total", source="gateway", code="connect_error") == len(SDKS) * REFUSED_THROUGH.requests


def test_every_error_of_the_simulator_is_in_the_table() -> None:
    played = {scene.headers.get("x-simulator-scenario") for scene in (*FAULTS_AT_ONCE, *FAULTS_WITH_WAITS)}
    errors = {name for name, scenario in scenarios().items() if scenario.kind == "http_error"}

    assert errors - played == set()


def test_every_directive_of_the_simulator_is_in_the_table() -> None:
    """Each field of what can be asked for is set in one, and each way to stop early stands in one."""
    scenes = (*FAULTS_AT_ONCE, *FAULTS_WITH_WAITS)
    asked = [read_directives({**scene.headers, **scene.calls[-1].get("headers", {})}) for scene in scenes]
    plain = Directives()
    fields = {field.name for field in dataclasses.fields(Directives)} - SPLIT_AND_PACE
    unasked = {name for name in fields if all(getattr(each, name) == getattr(plain, name) for each in asked)}

    assert unasked == set()
    assert {each.stop for each in asked} == {"", "cut", "rst", "end", "hold"}
    assert {each.coding for each in asked} == {"identity", "gzip", "deflate"}
