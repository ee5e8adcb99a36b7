"""The matrix: scenes by generations of the SDKs, each cell the same through the gateway as directly, or where not.

`python -m tests.sdk.matrix [VERSION...]` plays it and prints a table. Not here: assertions (test_generations.py).
Promise: a cell is `same` only if the caller's view, the response heads, the requests and the request heads, byte for
byte but for those of one hop, are equal in every flavour of that generation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.gateway_process import GatewayProcess, SimulatorProcess
from tests.sdk.generations import GENERATIONS, Generation
from tests.sdk.playing import DIRECT, THROUGH, Played, Plays, Sdk, differences, play_all
from tests.sdk.scenes import SCENES, Scene
from tests.sdk.wiretap import TappedSimulator

PLAIN: Final = "text"
ALIKE: Final = (  # every generation ends these as the newest does
    PLAIN,
    "text behind a path",
    "by the version v1",
    "by the version v1beta",
    "in a cloud project",
    "unary in a cloud project",
    "function call over two turns",
    "unary",
    "unary tools",
    "background with polls",
)
OLD_DIALECT: Final = "legacy"
SAME: Final = "same"


@dataclass(frozen=True, slots=True)
class TappedBench:
    """The gateway, and the simulator behind a listener that both ways lead through."""

    gateway: GatewayProcess
    simulator: TappedSimulator


@dataclass(frozen=True, slots=True)
class Column:
    """What one generation made of the scenes."""

    generation: Generation
    sdks: Sequence[Sdk]
    scenes: Sequence[Scene]
    plays: Plays

    def pairs(self, scene_name: str) -> Iterator[tuple[Sdk, Played, Played]]:
        """The scene directly and through the gateway, by flavour."""
        for sdk in self.sdks:
            yield sdk, self.plays[sdk.name, DIRECT, scene_name], self.plays[sdk.name, THROUGH, scene_name]

    def cell(self, scene: Scene) -> str:
        """`same`, or what differs in which flavour."""
        found = []
        for sdk, direct, through in self.pairs(scene.name):
            seen_as = self.plays[sdk.name, DIRECT, scene.seen_as] if scene.seen_as else None
            if parts := differences(direct, through, seen_as):
                found.append(f"{sdk.name}: {', '.join(parts)}")
        return "; ".join(found) or SAME


@contextmanager
def tapped_bench() -> Iterator[TappedBench]:
    """All three, connected."""
    with (
        SimulatorProcess() as simulator,
        TappedSimulator(simulator) as tapped,
        GatewayProcess(tapped.url) as gateway,
    ):
        yield TappedBench(gateway, tapped)


def played_by(bench: TappedBench, generation: Generation, scenes: Sequence[Scene]) -> Column:
    """The scenes by every flavour of a generation."""
    sdks = generation.sdks()
    return Column(generation, sdks, scenes, play_all(bench.simulator, bench.gateway.url, sdks, scenes))


def table(columns: Sequence[Column]) -> str:
    """Markdown: a line for each scene that all should end alike, one for all others, then every difference."""
    named = [scene for scene in columns[0].scenes if scene.name in (*ALIKE, OLD_DIALECT)]
    others = [scene for scene in columns[0].scenes if scene not in named]
    cells = {(c.generation.name, scene.name): c.cell(scene) for c in columns for scene in c.scenes}
    lines = [["scene", *(column.generation.name for column in columns)], ["---"] * (len(columns) + 1)]
    for scene in named:
        marks = [cells[column.generation.name, scene.name] for column in columns]
        lines.append([scene.name, *(SAME if mark == SAME else "differs" for mark in marks)])
    if others:
        counts = [sum(cells[c.generation.name, scene.name] == SAME for scene in others) for c in columns]
        lines.append([f"{len(others)} others", *(f"{count} same" for count in counts)])
    told = [f"- {name}, {scene}: {cell}" for (name, scene), cell in cells.items() if cell != SAME]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + (["", *told] if told else []))


def main() -> None:
    """Play and print; versions as arguments choose among the generations."""
    wanted = [each for each in GENERATIONS if not sys.argv[1:] or each.version in sys.argv[1:]]
    with tapped_bench() as bench:
        print(table([played_by(bench, generation, SCENES) for generation in wanted]))


if __name__ == "__main__":
    main()
