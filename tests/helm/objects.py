"""The chart as Kubernetes would get it: its objects, or the sentences of its refusal.

Not here: whether Kubernetes would take them (the validation beside it).
Promise: real Helm renders.
"""

from __future__ import annotations

import atexit
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import helm_python
import yaml
from helm_python import _native

from helm.values import CHART

Object = dict[str, Any]

RELEASE, NAMESPACE = "rel", "prod"
NAME = "rel-interactions-gateway"
KUBE_VERSION = "v1.31.0"
OPERATOR = "monitoring.coreos.com/v1"
ADAPTER = "custom.metrics.k8s.io/v1beta1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ALL_APIS = (OPERATOR, ADAPTER, GATEWAY_API)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of libyaml, ten times as fast
_REFUSAL = "These values don't work:"


@functools.cache
def _chart() -> helm_python.Chart:
    chart = helm_python.Chart.load(str(CHART))
    atexit.register(chart.close)
    return chart


def rendered(
    values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), kube_version: str = KUBE_VERSION
) -> dict[str, str]:
    """Each template's text by its file name, NOTES.txt too. Raises HelmError."""
    options = {"name": RELEASE, "namespace": NAMESPACE, "kube_version": kube_version, "api_versions": list(apis)}
    text = _native.call_string("helm_render", _chart()._raw(), json.dumps(values or {}), json.dumps(options))
    return {path.rpartition("/")[2]: one for path, one in json.loads(text).items()}


def objects(
    values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), kube_version: str = KUBE_VERSION
) -> list[Object]:
    """All objects."""
    files = rendered(values, apis, kube_version)
    texts = [text for name, text in files.items() if name != "NOTES.txt"]
    return [one for text in texts for one in yaml.load_all(text, _Loader) if one]


def one(kind: str, values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), name: str = NAME) -> Object:
    """The object of that kind and name."""
    (found,) = (o for o in objects(values, apis) if o["kind"] == kind and o["metadata"]["name"] == name)
    return found


def kinds(values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> set[str]:
    """The kinds of all objects."""
    return {one["kind"] for one in objects(values, apis)}


def container(values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> Object:
    """The gateway's container in the Deployment."""
    (found,) = pod(values, apis)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def pod(values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> Object:
    """The Deployment's template."""
    template = one("Deployment", values, apis)["spec"]["template"]
    assert isinstance(template, dict)
    return template


def refusals(
    values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), kube_version: str = KUBE_VERSION
) -> list[str]:
    """The sentences with which the values are refused; none: they render."""
    try:
        rendered(values, apis, kube_version)
    except helm_python.HelmRenderError as error:
        _, found, told = str(error).partition(_REFUSAL)
        if not found:
            raise
        return [line.removeprefix("  - ") for line in told.strip("\n").split("\n")]
    return []
