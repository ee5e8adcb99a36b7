"""What a caller of an SDK sees is the same through the gateway as directly, and so is what the upstream sees.

Not here: the scenes (scenes.py), what the gateway makes of them (tests of its telemetry).
"""

from __future__ import annotations

import pytest

from tests.sdk.playing import DIRECT, JAVASCRIPT, PYTHON, PYTHON_ASYNC, THROUGH, Played, Plays, Sdk
from tests.sdk.scenes import SCENES, Scene

pytestmark = pytest.mark.xdist_group("sdk")  # the scenes are played once a process

each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
each_sdk = pytest.mark.parametrize("sdk", [PYTHON, PYTHON_ASYNC, JAVASCRIPT], ids=lambda sdk: sdk.name)


def pair(plays: Plays, sdk: Sdk, scene: Scene) -> tuple[Played, Played]:
    """The scene directly, and through the gateway."""
    return plays[sdk.name, DIRECT, scene.name], plays[sdk.name, THROUGH, scene.name]


def bodies(played: Played) -> list[tuple[str, int, str]]:
    """Method, length and hash of every body that reached the upstream."""
    requests = [(entry["method"], entry["request"]) for entry in played.entries]
    return [(method, request["body_bytes"], request["body_sha256"]) for method, request in requests]


@each_sdk
@each_scene
def test_the_caller_sees_the_same_through_the_gateway(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """The same events and objects in the same order, the same exceptions with type, status, message and body."""
    direct = plays[sdk.name, DIRECT, scene.seen_as or scene.name]
    through = plays[sdk.name, THROUGH, scene.name]

    assert through.comparable()["calls"] == direct.comparable()["calls"]


@each_sdk
@each_scene
def test_the_http_client_of_the_sdk_sees_the_same_heads(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """Status and headers of every response, but those of one hop."""
    direct, through = pair(plays, sdk, scene)

    assert through.comparable()["heads"] == direct.comparable()["heads"]


@each_sdk
@each_scene
def test_the_upstream_sees_the_same_requests(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """As many requests, with the same targets, names of headers, user agents and bodies, byte for byte."""
    direct, through = pair(plays, sdk, scene)

    assert through.comparable()["requests"] == direct.comparable()["requests"]
    if scene.is_classic:  # no body of it holds a fresh id
        assert bodies(through) == bodies(direct)
    else:
        assert bodies(direct) == [(sent["method"], sent["bytes"], sent["sha256"]) for sent in direct.sent]
        assert bodies(through) == [(sent["method"], sent["bytes"], sent["sha256"]) for sent in through.sent]


@each_sdk
@each_scene
def test_a_scene_ends_as_the_reference_says(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """The number of upstream requests and the last status or exception, as literals."""
    end = sdk.end_of(scene)
    seen = [(len(played.entries), played.last()) for played in pair(plays, sdk, scene)]

    assert seen == [(end.requests, end.last)] * 2


@each_sdk
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.leaves], ids=lambda scene: scene.name)
def test_a_caller_that_leaves_ends_the_upstreams_work(plays: Plays, sdk: Sdk, scene: Scene) -> None:
    """The upstream, which would wait for ever, sees its client go."""
    ended = [[entry["ended"] for entry in played.entries] for played in pair(plays, sdk, scene)]

    assert ended == [["client_gone"], ["client_gone"]]
