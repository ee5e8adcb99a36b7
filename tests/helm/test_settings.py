"""The gateway's settings in the chart: each reaches the gateway, and pods are replaced for what they can't take up."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.config_sources import leaves, load
from gateway.telemetry import pricing_file
from gateway.telemetry.pipeline import Telemetry
from helm.schema import settings_schema
from helm.values import CHART
from tests.helm.objects import container, objects, one, pod

# Those that have a value of the chart's own (test_refusals.py).
ELSEWHERE = {("listen",), ("admin",), ("memory_limit_bytes",), ("attribution", "fingerprint_secret")}
KEYS = [key for key, _, _ in leaves() if key not in ELSEWHERE]
OTHERS: dict[str, Any] = {  # values that differ from the defaults, where their type alone doesn't give one
    "upstream": "http://api.example.com:8081/prefix",
    "workers": 3,
    "budgets": [{"name": 'a "b" = 1.0', "usd": 2.5, "window": "daily"}],
    "pricing.file": __file__,
    "proxy.ca_file": __file__,
    "proxy.max_open_exchanges": 2_000_000,
    "attribution.team": "header:x-team",
    "attribution.team_names": {"1c4a": "search", "x y": "ads"},
    "spans.dialect": ["genai", "langfuse"],
    "traces.conversation_id_from": "chain_root",
    "labels.models": ["gemini-*", "a\\b'c"],
}

PRICES = '# prices\n[[model]]\nmatch = "gemini-*"\n'
SHIPPED = pricing_file.shipped().read_text(encoding="utf-8")
MOUNT = "/etc/interactions-gateway"


def other(key: tuple[str, ...]) -> Any:
    """A value that the schema allows and that is not the default."""
    name = ".".join(key)
    if name in OTHERS:
        return OTHERS[name]
    node = functools.reduce(lambda inner, part: inner["properties"][part], key, settings_schema())
    default: Any = Settings()
    for part in key:
        default = getattr(default, part)
    node = next((one for one in node.get("anyOf", [node]) if "type" in one), node)
    match node:
        case {"enum": words}:
            return next(word for word in words if word != default)
        case {"type": "boolean"}:
            return not default
        case {"type": "integer"}:
            return min((default or 0) + 1024, node.get("maximum", 2**40))
        case {"type": "number", "maximum": maximum}:
            return maximum / 4
        case {"type": "number"}:
            return 12.5
        case {"type": "array"}:
            return ["word"]
    return "header:x-name"


def nested(key: tuple[str, ...], value: Any) -> dict[str, Any]:
    table: Any = value
    for part in reversed(key):
        table = {part: table}
    assert isinstance(table, dict)
    return table


def checksum(values: dict[str, Any]) -> str:
    text = pod(values)["metadata"]["annotations"]["checksum/settings"]
    assert isinstance(text, str)
    return text


@functools.cache
def default_checksum() -> str:
    return checksum({})


@functools.cache
def reloadable() -> frozenset[str]:
    return frozenset(Telemetry(Settings()).reloadable)


def is_reloadable(key: tuple[str, ...]) -> bool:
    return key[0] in reloadable() or ".".join(key) in reloadable()


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_setting_reaches_the_gateway_and_replaces_pods_where_it_must(key: tuple[str, ...], tmp_path: Path) -> None:
    """Running pods take up what Telemetry.reloadable names; only what else changes is in the pods' checksum."""
    values = {"config": nested(key, other(key))}
    file = tmp_path / "gateway.toml"
    file.write_text(one("ConfigMap", values)["data"]["gateway.toml"], encoding="utf-8")
    wanted = Settings.model_validate({"grace_period_s": 3600, **nested(key, other(key))})

    assert load(file, environ={}) == wanted != Settings(grace_period_s=3600)
    assert (checksum(values) == default_checksum()) is is_reloadable(key)
    assert checksum({**values, "hotReload": False}) not in (checksum({"hotReload": False}), default_checksum())


def test_prices_are_mounted_and_a_change_of_theirs_replaces_no_pod() -> None:
    """Nor does having some at all: running pods see both files at once."""
    values = {"pricing": PRICES}
    more = {"pricing": PRICES + "# more\n"}
    settings = one("ConfigMap", values)["data"]

    assert settings["pricing.toml"].strip() == PRICES.strip()
    assert f'file = "{MOUNT}/pricing.toml"' in settings["gateway.toml"]
    assert checksum(values) == checksum(more) == default_checksum()
    assert checksum({**values, "hotReload": False}) != checksum({**more, "hotReload": False})


@pytest.mark.parametrize(
    "text", [SHIPPED, "  # indented\na = 1", "a = 'x'  \n\n\n", "a = 1\t# tab: and {{ braces }}\n"]
)
def test_prices_go_through_the_chart_unchanged(text: str) -> None:
    assert one("ConfigMap", {"pricing": text})["data"]["pricing.toml"] == text


def test_the_chart_knows_what_running_pods_take_up() -> None:
    """As the gateway itself says it."""
    text = (CHART / "templates" / "_settings.tpl").read_text(encoding="utf-8")
    (found,) = re.findall(r'define "interactions-gateway.reloadable" -}}\n(\[.*?\])\n', text, re.DOTALL)

    assert set(json.loads(found)) == reloadable()


def test_settings_are_mounted_as_a_folder_that_changes_in_place() -> None:
    """A file mounted by subPath never would."""
    mounts = container({"pricing": PRICES})["volumeMounts"]
    volumes = pod({"pricing": PRICES})["spec"]["volumes"]
    (env,) = (one for one in container()["env"] if one["name"] == "INTERACTIONS_GATEWAY_CONFIG")

    assert mounts == [{"name": "settings", "mountPath": MOUNT, "readOnly": True}]
    assert volumes == [{"name": "settings", "configMap": {"name": "rel-interactions-gateway"}}]
    assert env["value"] == f"{MOUNT}/gateway.toml"


@pytest.mark.parametrize(
    ("values", "volume"),
    [
        pytest.param({"configMap": "roots"}, {"configMap": {"name": "roots"}}, id="a ConfigMap"),
        pytest.param({"secret": "roots", "key": "x.pem"}, {"secret": {"secretName": "roots"}}, id="a Secret"),
    ],
)
def test_certificates_for_the_upstream_are_mounted_and_named(values: dict[str, Any], volume: dict[str, Any]) -> None:
    chosen = {"upstreamCA": values, "config": {"proxy": {"detail": True}}}
    folder = "/etc/interactions-gateway-ca"
    toml = one("ConfigMap", chosen)["data"]["gateway.toml"]

    assert {"name": "upstream-ca", **volume} in pod(chosen)["spec"]["volumes"]
    assert {"name": "upstream-ca", "mountPath": folder, "readOnly": True} in container(chosen)["volumeMounts"]
    assert f'ca_file = "{folder}/{values.get("key", "ca.crt")}"' in toml
    assert "detail = true" in toml


def test_secrets_are_in_no_object_but_by_name() -> None:
    values = {
        "fingerprintSecret": {"name": "keys", "key": "k"},
        "otlp": {"endpoint": "http://c:4318", "headersSecret": {"name": "collector"}},
        "config": {"attribution": {"team": "key-fingerprint"}},
    }
    env = {one["name"]: one.get("valueFrom") for one in container(values)["env"]}

    assert env["INTERACTIONS_GATEWAY_ATTRIBUTION__FINGERPRINT_SECRET"] == {"secretKeyRef": {"name": "keys", "key": "k"}}
    assert env["OTEL_EXPORTER_OTLP_HEADERS"] == {"secretKeyRef": {"name": "collector", "key": "headers"}}
    assert not [made for made in objects(values) if made["kind"] == "Secret"]
