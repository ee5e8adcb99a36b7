"""The chart's generated parts are those that `make chart` would write, and say what the gateway says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import alert_settings
from gateway import __version__
from gateway.config_sources import leaves
from helm import reference, values
from helm.schema import schema, settings_schema, type_schema
from helm.values import CHART, VALUES

MAX_LINES = 250


def test_every_generated_file_is_what_it_would_be_made_anew() -> None:
    """`make chart` writes them."""
    for path, text in reference.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make chart"


def test_values_are_few_and_each_has_its_line() -> None:
    text = VALUES.read_text(encoding="utf-8")

    assert len(text.splitlines()) < MAX_LINES
    assert len(values.read()) == len({value.name for value in values.read()}) > 80


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param("a: 1\n", "values without a line: ['a']", id="a value without its line"),
        pytest.param("# -- (text) of nothing\n", "a line for no value: of nothing", id="a line at the end"),
        pytest.param("# -- (text) one\n# -- (text) two\na: x\n", "a line for no value: one", id="two lines"),
        pytest.param("s:\n# -- (text) of a\n  a: x\n", "a line is not above its value: of a", id="another depth"),
        pytest.param("s:\n  # -- (text) of a\n  a: x\n  b: y\n", "values without a line: ['s.b']", id="one of two"),
    ],
)
def test_lines_and_values_that_do_not_fit_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError) as raised:
        values.read(text)

    assert wrong in str(raised.value)


def test_a_type_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no type of a value: colour"):
        type_schema("colour")


def test_the_schema_of_config_has_every_setting_and_no_other() -> None:
    """Names and defaults of the gateway's own description."""

    def keys(node: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        for name, one in node["properties"].items():
            if one.get("additionalProperties") is False:
                yield from keys(one, (*prefix, name))
            else:
                yield (*prefix, name)

    assert set(keys(settings_schema())) == {key for key, _, _ in leaves()}


def test_nothing_but_global_is_let_through_unknown() -> None:
    made = schema(values.read(), alert_settings.schema())

    assert made["additionalProperties"] is False
    assert made["properties"]["global"]["type"] == "object"
    assert set(made["properties"]) - {"global"} == set(yaml.safe_load(VALUES.read_text(encoding="utf-8")))


def test_the_chart_names_the_gateway_of_its_own_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == chart["version"] == __version__
    assert chart["name"] == tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
