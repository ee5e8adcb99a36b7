"""Releases of the chart before the simulated API, as pods that can be run: alone, and beside the example's application.

Not here: running them (containers.py).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from helm import example
from helm.values import CHART
from tests.helm.references import Pod
from tests.helm.render import RELEASE, Object, Rendered, render

Values = dict[str, Any]
Ports = dict[str, int]


def merged(one: Values, other: Values) -> Values:
    """Values over values, as Helm lays them."""
    made = dict(one)
    for key, value in other.items():
        below = made.get(key)
        made[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return made


def release(upstream: str, ports: Ports, values: Values | None = None, api_versions: Sequence[str] = ()) -> Rendered:
    """The chart before that upstream, on free ports; else the default, and what the values say."""
    own: Values = {"config": {"upstream": upstream}, "ports": ports}
    return render(CHART, merged(own, values or {}), api_versions=api_versions)


def pod_of(rendered: Rendered, extra: Sequence[Object] = ()) -> Pod:
    """The Deployment's pod. extra: objects that the cluster has beside."""
    return Pod(rendered.one("Deployment")["spec"]["template"], [*rendered.objects, *extra])


def application(
    kind: str, upstream: str, ports: Ports, values: Values | None = None, api_versions: Sequence[str] = ()
) -> tuple[Pod, Rendered]:
    """The pod of the example's Deployment or Job, with the Secret that it wants; values: of the gateway."""
    own: Values = {"config": {"upstream": upstream}, "ports": ports}
    with example.with_dependency() as chart:
        rendered = render(chart, {"interactions-gateway": merged(own, values or {})}, api_versions=api_versions)
    objects = [*rendered.objects, secret("gemini", {"api-key": "key"})]
    return Pod(rendered.one(kind)["spec"]["template"], objects, name=f"{RELEASE}-x"), rendered


def secret(name: str, data: dict[str, str]) -> Object:
    """A Secret that the cluster has."""
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name}, "data": coded}
