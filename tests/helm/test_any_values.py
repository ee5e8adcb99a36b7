"""Any values that the schema lets through: objects that Kubernetes and the gateway take, or a sentence of refusal.

Not here: values that Helm hands on as they are (affinity, probes, more volumes…): those are Kubernetes' own to judge.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

import helm_python
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from gateway.config import Settings
from gateway.config_sources import leaves
from helm.values import CHART
from tests.helm.render import Rendered, render
from tests.helm.security import broken_rules
from tests.helm.validation import builtin_problem, is_custom
from tests.helm.value_sets import ALL_APIS, KUBE_VERSIONS

Schema = dict[str, Any]

REFUSAL = "\n\nThese values don't work:\n  - "
# What they hold is handed on as it is, or is a page of its own (pricing, dashboards: test_values.py).
HANDED_ON = {
    *("affinity", "behavior", "clients", "dashboards", "extraEgress", "extraEnv", "extraEnvFrom", "extraVolumeMounts"),
    *("extraVolumes", "global", "imagePullSecrets", "livenessProbe", "metricRelabelings", "podSecurityContext"),
    *(
        "pricing",
        "readinessProbe",
        "relabelings",
        "resources",
        "securityContext",
        "settings",
        "startupProbe",
        "strategy",
    ),
    *("tls", "tolerations", "topologySpreadConstraints"),
}
PLAIN = ("boolean", "integer", "number")
NOT_IN_FILE = ("listen", "admin", "memory_limit_bytes")  # the chart sets them from other values, and says so
SAMPLES = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def reduced(schema: Schema) -> Schema:
    """The schema without what is handed on; patterns that end where the text ends, as Go's do."""
    made = {key: value for key, value in schema.items() if key not in ("description", "$schema", "title")}
    if "pattern" in made:
        made["pattern"] = re.sub(r"\$$", r"\\Z", made["pattern"])
    if "properties" in made:
        below = {key: one for key, one in made["properties"].items() if key not in HANDED_ON}
        made["properties"] = {key: plain(one) if key == "config" else reduced(one) for key, one in below.items()}
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(made.get(key), dict):
            made[key] = reduced(made[key])
    if "anyOf" in made:
        made["anyOf"] = [reduced(one) for one in made["anyOf"]]
    return made


def plain(config: Schema) -> Schema:
    """Of the gateway's settings those that are numbers, switches and words of a list."""

    def is_plain(one: Schema) -> bool:
        if "anyOf" in one:
            return all(is_plain(option) for option in one["anyOf"])
        return one.get("type") in PLAIN or "enum" in one or "const" in one

    found: Schema = {}
    for key, one in config["properties"].items():
        if key in NOT_IN_FILE:
            continue
        if "properties" in one:
            found[key] = plain(one)
        elif is_plain(one):
            found[key] = {name: value for name, value in one.items() if name != "description"}
    return {"type": "object", "properties": found, "additionalProperties": False}


def values() -> st.SearchStrategy[Any]:
    """Sets of values, sparse and full."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return from_schema(reduced(schema)).map(without_controls)


def without_controls(drawn: Any) -> Any:
    """Control characters made letters: YAML has no way to say some of them, and nobody means them."""
    if isinstance(drawn, dict):
        return {_CONTROL.sub("x", key): without_controls(value) for key, value in drawn.items()}
    if isinstance(drawn, list):
        return [without_controls(one) for one in drawn]
    return _CONTROL.sub("x", drawn) if isinstance(drawn, str) else drawn


def test_there_is_something_to_draw_from() -> None:
    schema = reduced(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))

    assert len(schema["properties"]) > 20
    assert len(schema["properties"]["config"]["properties"]["proxy"]["properties"]) > 5
    assert {key[0] for key, _, _ in leaves()} >= set(schema["properties"]["config"]["properties"])


@settings(
    max_examples=SAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(values(), st.sampled_from(KUBE_VERSIONS), st.booleans())
def test_any_values_render_or_are_refused_in_sentences(drawn: Any, version: str, knows_all: bool) -> None:
    apis = ALL_APIS if knows_all else ()
    rendered = rendered_or_refused(drawn, version, apis)
    if isinstance(rendered, str):
        assert_sentences(rendered)
        return
    problems = [builtin_problem(one, version) for one in rendered.objects if not is_custom(one)]
    assert not any(problems), problems
    for one in rendered.of_kind("Deployment"):
        assert broken_rules(one["spec"]["template"]["spec"]) == set()
    for one in rendered.of_kind("ConfigMap"):
        if "gateway.toml" in one["data"]:
            said = without_none(tomllib.loads(one["data"]["gateway.toml"]))
            said.get("proxy", {}).pop("ca_file", None)  # a file of the pod's
            read = Settings.model_validate(said)
            assert_says(drawn.get("config") or {}, read.model_dump(mode="json"))


def rendered_or_refused(drawn: Any, version: str, apis: Sequence[str]) -> Rendered | str:
    """What is rendered, or what the chart has against it. Raises HelmError for any other reason."""
    try:
        return render(CHART, drawn, kube_version=f"v{version}.0", api_versions=apis)
    except helm_python.HelmRenderError as error:
        _, found, told = str(error).partition(REFUSAL)
        if not found:
            raise
        return told


def assert_sentences(told: str) -> None:
    """Each line says what is wrong and what to do."""
    for line in told.strip("\n").split("\n"):
        assert re.search(r": \w|[,;] ", line), line


def without_none(table: Any) -> Any:
    """The file's word for no value, as the gateway reads it."""
    if isinstance(table, dict):
        return {key: without_none(value) for key, value in table.items()}
    return None if table == "none" else table


def assert_says(said: dict[str, Any], read: dict[str, Any]) -> None:
    """Every setting that was given is read as it was given."""
    for key, value in said.items():
        if isinstance(value, dict):
            assert_says(value, read[key])
        else:
            assert read[key] == (None if value == "none" else value), key


def test_yaml_of_odd_texts_stays_the_text() -> None:
    """Quotes, colons, braces and lines in texts never become structure."""
    odd = "a: {b} \"c\" 'd' # e\n- f: {{ g }} | $(H) \\ %"
    drawn = {
        "podAnnotations": {"a": odd},
        "service": {"annotations": {"b": odd}},
        "ingress": {"annotations": {"c": odd}},
    }
    rendered = render(CHART, {**drawn, "ingress": {"enabled": True, "hosts": ["a.example"], "annotations": {"c": odd}}})

    assert rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"]["a"] == odd
    assert rendered.of_kind("Ingress")[0]["metadata"]["annotations"]["c"] == odd
    assert yaml.safe_load(yaml.safe_dump(rendered.objects)) == rendered.objects
