"""The shelf of scenarios: the files of this package, read once.

Not here: what a scenario is (scenario.py), which one a request gets (selection.py).
Source: gateway/simulator/scenarios/*.toml; a scenario's name is its file's name.
Promise: either every file loads or the first bad one is named; references between scenarios lead somewhere.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from gateway.simulator.scenario import Scenario, ScenarioError, ScenarioReader


@functools.cache
def scenarios() -> Mapping[str, Scenario]:
    """All scenarios by name, sorted; raises ScenarioError naming the file that cannot be played."""
    loaded: dict[str, Scenario] = {}
    folder = resources.files("gateway.simulator").joinpath("scenarios")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            loaded[name] = read_scenario(name, entry.read_text(encoding="utf-8"))
    for scenario in loaded.values():
        for key, target in (("unary", scenario.unary), ("follow_up", scenario.follow_up)):
            if target and target not in loaded:
                raise ScenarioError(scenario.name, key, f"there is no scenario {target!r}")
    return MappingProxyType(loaded)


def read_scenario(name: str, text: str) -> Scenario:
    """One scenario from the text of its file; raises ScenarioError, also for text that is not TOML."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ScenarioError(name, "file", str(exc)) from exc
    return ScenarioReader(name, document).read()
