"""What the guides tell Helm to do, the chart takes: each file of values renders, each value has that name.

Not here: the chart itself (tests/helm). No cluster is here, so `helm upgrade` is read and its values rendered.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm import example
from helm.values import CHART, read
from tests.guides.pages import GUIDES, PAGES, blocks
from tests.helm.objects import ALL_APIS
from tests.helm.render import render

EXAMPLE = Path("helm/examples/application")  # as the guides write it
OWN = Path("helm/interactions-gateway")
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DOTTED = re.compile(r"`([a-zA-Z]+(?:\.[a-zA-Z_]+)+)(?:: \S+)?`")
VALUES = [
    pytest.param(block.text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page))
    if block.text.startswith("# values.yaml\n")
]
HELM = [  # one command a row
    pytest.param(shlex.split(line), id=f"{page.stem}: {line[:40]}")
    for page in PAGES
    for block in blocks(page)
    if block.mark == "sh elsewhere"
    for line in block.text.replace("\\\n", " ").splitlines()
    if re.match(r"helm (upgrade|install|template) ", line)
]


def test_the_guides_have_both() -> None:
    assert VALUES
    assert HELM


@pytest.mark.parametrize("text", VALUES)
def test_values_of_a_guide_render_and_change_something(text: str) -> None:
    values = yaml.safe_load(text)

    assert render(CHART, values, api_versions=ALL_APIS).objects != render(CHART, api_versions=ALL_APIS).objects


@pytest.mark.parametrize("words", HELM)
def test_a_helm_command_names_a_chart_and_values_of_it(words: list[str]) -> None:
    """Rendered with what it sets, which the schema refuses where the chart has no such value."""
    charts = [Path(word) for word in words if word.removeprefix("./").startswith("helm/")]
    settings = [after for word, after in itertools.pairwise(words) if word == "--set"]
    values = nested(dict(setting.split("=", 1) for setting in settings))

    assert charts in ([OWN], [EXAMPLE])
    if charts == [OWN]:
        assert render(CHART, values).objects != render(CHART).objects
        return
    with example.with_dependency() as chart:
        assert render(chart, values).objects != render(chart).objects


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_value_or_setting_that_a_guide_names_is_one(page: Path) -> None:
    """`config.workers` in the chart is `workers` in a file of settings."""
    known = {value.name for value in read()} | {f"config.{name}" for name in settings()} | set(settings())
    parts = {name.rpartition(".")[0] for name in known} | known
    roots = {name.partition(".")[0] for name in known}
    named = [name for name in DOTTED.findall(page.read_text(encoding="utf-8")) if name.partition(".")[0] in roots]

    assert [name for name in named if not any(name == one or one.startswith(f"{name}.") for one in parts)] == []


def test_the_guide_of_the_chart_is_that_of_its_values() -> None:
    """Monitoring, scaling and the end of pods are in it by the values that decide them."""
    text = "\n".join(block.text for block in blocks(GUIDES / "standalone.md") if block.mark == "yaml")

    for value in ("serviceMonitor", "prometheusRule", "autoscaling", "grace_period_s", "endpoint"):
        assert f"{value}:" in text


def nested(flat: dict[str, str]) -> dict[str, Any]:
    """Values as --set takes them, by dots."""
    made: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        at = made
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return made


def settings() -> list[str]:
    """All of the gateway's, by their dotted names."""

    def below(prefix: str, schema: dict[str, Any]) -> Iterator[str]:
        for name, one in schema.get("properties", {}).items():
            yield f"{prefix}{name}"
            yield from below(f"{prefix}{name}.", one)

    return list(below("", SCHEMA["properties"]["config"]))
