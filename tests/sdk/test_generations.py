"""Other generations of the SDKs, which users still have: a few scenes each, directly and through the gateway.

Python up to 2.8.0 sends User-Agent twice; both arrive. Not here: the generations before the present names of events.
Heavy because each is installed into an environment of its own, once.
"""

from __future__ import annotations

import pytest

from tests.sdk.conftest import Bench
from tests.sdk.environments import js_sdk, python_sdk
from tests.sdk.playing import DIRECT, HERE, THROUGH, Sdk, play_all
from tests.sdk.scenes import SCENES

PLAYED = ("text", "function call over two turns", "unary", "unary tools")
FEW_SCENES = [scene for scene in SCENES if scene.name in PLAYED]


def compare(bench: Bench, sdks: list[Sdk]) -> None:
    """Everything of each scene equal, and ended as it should."""
    plays = play_all(bench.simulator, bench.gateway.url, sdks, FEW_SCENES, HERE)
    for sdk in sdks:
        for scene in FEW_SCENES:
            direct, through = (plays[sdk.name, target, scene.name] for target in (DIRECT, THROUGH))
            end = sdk.end_of(scene)
            assert through.comparable() == direct.comparable(), (sdk.name, scene.name)
            assert (len(through.entries), through.last()) == (end.requests, end.last), (sdk.name, scene.name)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["2.8.0", "2.9.0", "2.34.0"])
def test_another_generation_of_the_python_sdk_sees_the_same(bench: Bench, version: str) -> None:
    """Text, function calling and unary, blocking and asynchronous."""
    compare(bench, [python_sdk(version), python_sdk(version, is_async=True)])


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_the_two_user_agents_of_an_old_sdk_both_arrive(bench: Bench) -> None:
    """Unchanged and in their order, as the upstream sees them directly."""
    sdk = python_sdk("2.8.0")
    scene = FEW_SCENES[0]
    plays = play_all(bench.simulator, bench.gateway.url, [sdk], [scene], HERE)
    direct, through = (
        [entry["request"]["user_agents"] for entry in plays[sdk.name, target, scene.name].entries]
        for target in (DIRECT, THROUGH)
    )

    assert through == direct
    assert [len(agents) for agents in through] == [2]


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["2.32.0"])
def test_another_generation_of_the_javascript_sdk_sees_the_same(bench: Bench, version: str) -> None:
    """Text, function calling and unary."""
    compare(bench, [js_sdk(version)])
