"""Every generation of the SDKs that users have streams through the gateway as directly.

Not here: the generations (generations.py), how cells are found (matrix.py). One that sends User-Agent twice is played
by every run of the tests; all of them with all scenes is heavy: each is installed into an environment of its own, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.sdk.generations import DOUBLE_HEADER, GENERATIONS
from tests.sdk.matrix import ALIKE, OLD_DIALECT, PLAIN, SAME, Column, TappedBench, played_by, table, tapped_bench
from tests.sdk.playing import THROUGH
from tests.sdk.scenes import SCENES

pytestmark = pytest.mark.xdist_group("sdk")

OLD_EVENTS = ["interaction.start", "content.start", "content.delta", "content.delta", "content.stop"]
FEW_SCENES = [scene for scene in SCENES if scene.name in ALIKE]


@pytest.fixture(scope="module")
def tapped() -> Iterator[TappedBench]:
    with tapped_bench() as bench:
        yield bench


@pytest.fixture(scope="module")
def column(tapped: TappedBench, request: pytest.FixtureRequest) -> Column:
    """All scenes by the generation that the test asks for; the present one is kept for the next test."""
    return played_by(tapped, request.param, SCENES)


@pytest.fixture(scope="module")
def double_header(tapped: TappedBench) -> Column:
    return played_by(tapped, DOUBLE_HEADER, FEW_SCENES)


each_generation = pytest.mark.parametrize("column", GENERATIONS, ids=lambda each: each.name, indirect=True)


def check_sameness(column: Column) -> None:
    """Nothing differs, and nothing was compared with nothing."""
    cells = {scene.name: column.cell(scene) for scene in column.scenes}

    assert {name: cell for name, cell in cells.items() if cell != SAME} == {}
    for scene in column.scenes:
        for sdk, direct, through in column.pairs(scene.name):
            lengths = {len(each) for played in (direct, through) for each in (played.entries, played.wire)}
            assert len(lengths) == 1, (sdk.name, scene.name)
            assert lengths != {0}, (sdk.name, scene.name)


def check_ends(column: Column) -> None:
    """What every generation can do has ended as the reference says."""
    for scene in FEW_SCENES:
        for sdk, _, through in column.pairs(scene.name):
            end = sdk.end_of(scene)
            assert (len(through.entries), through.last()) == (end.requests, end.last), (sdk.name, scene.name)


def check_marks(column: Column) -> None:
    """What is peculiar to its requests has come through, byte for byte."""
    generation = column.generation
    _, _, through = next(column.pairs(PLAIN))  # the first flavour is the blocking one
    lines, entry = through.wire[0], through.entries[0]

    assert entry["target"] == generation.target
    assert [mark for mark in generation.marks if not any(line.startswith(mark) for line in lines)] == []
    assert len(entry["request"]["user_agents"]) == generation.user_agents


def test_an_sdk_that_sends_two_user_agents_streams_through_the_gateway(double_header: Column) -> None:
    """aiohttp's own server refuses it (interactions-api.md 8.6); both arrive as they were."""
    check_sameness(double_header)
    check_ends(double_header)
    check_marks(double_header)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@each_generation
def test_a_generation_sees_the_same_through_the_gateway(column: Column) -> None:
    """All scenes in all flavours: the caller's view, the response heads, the requests, their heads as bytes."""
    check_sameness(column)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@each_generation
def test_a_generation_ends_what_all_can_do_as_the_newest_does(column: Column) -> None:
    """Versions in the path, a base URL with a path, cloud projects, function calling, unary, polls."""
    check_ends(column)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@each_generation
def test_what_is_peculiar_to_a_generations_requests_comes_through(column: Column) -> None:
    """Accept, User-Agent once or twice, X-Stainless-*, Api-Revision, an empty cookie."""
    check_marks(column)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "column", [each for each in GENERATIONS if each.speaks_old], ids=lambda each: each.name, indirect=True
)
def test_a_generation_of_the_old_dialect_reads_it_through_the_gateway(column: Column) -> None:
    """As events of its own types, to their end."""
    for _, _, through in column.pairs(OLD_DIALECT):
        events = [answer["value"]["event_type"] for answer in through.calls[0]["answers"]]

        assert events == [*OLD_EVENTS, "interaction.complete"]
        assert not [answer for answer in through.calls[0]["answers"] if "Unknown" in answer["type"]]


def test_the_table_of_the_matrix_tells_every_cell(double_header: Column) -> None:
    lines = table([double_header]).splitlines()

    assert lines[0] == "| scene | py 2.8.0 |"
    assert lines[2:] == [f"| {scene.name} | same |" for scene in FEW_SCENES]


def test_a_changed_byte_of_a_head_is_a_difference(double_header: Column) -> None:
    key = (double_header.sdks[0].name, THROUGH, PLAIN)
    played = double_header.plays[key]
    changed = [[line.replace("Accept: ", "accept: ") for line in lines] for lines in played.wire]
    column = replace(double_header, plays={**double_header.plays, key: replace(played, wire=changed)})

    assert [column.cell(scene) for scene in FEW_SCENES if scene.name == PLAIN] == ["python 2.8.0: wire"]
    assert "- py 2.8.0, text: python 2.8.0: wire" in table([column])


def test_every_generation_stands_once_in_the_matrix() -> None:
    names = [each.name for each in GENERATIONS]

    assert len(set(names)) == len(names) == 9
    assert DOUBLE_HEADER in GENERATIONS
    assert DOUBLE_HEADER.user_agents == 2
