"""The chart as Kubernetes would get it: its objects, or the sentences of its refusal.

Not here: how Helm renders (render.py), whether Kubernetes would take them (validation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import helm_python

from helm.values import CHART
from tests.helm.render import KUBE_VERSION, Object, Rendered, render

NAME = "rel-interactions-gateway"
OPERATOR = "monitoring.coreos.com/v1"
ADAPTER = "custom.metrics.k8s.io/v1beta1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ALL_APIS = (OPERATOR, ADAPTER, GATEWAY_API)
_REFUSAL = "These values don't work:"


def rendered(
    values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), kube_version: str = KUBE_VERSION
) -> Rendered:
    """All of it. Raises HelmError."""
    return render(CHART, values, kube_version=kube_version, api_versions=apis)


def objects(
    values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), kube_version: str = KUBE_VERSION
) -> list[Object]:
    """All objects."""
    return rendered(values, apis, kube_version).objects


def one(kind: str, values: Mapping[str, Any] | None = None, apis: Sequence[str] = (), name: str = NAME) -> Object:
    """The object of that kind and name."""
    return rendered(values, apis).one(kind, name)


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
