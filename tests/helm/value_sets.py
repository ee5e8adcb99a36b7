"""The value sets that are validated: a file each in values/, with the objects that it must bring.

Not here: the validation. Each set is rendered twice: in a cluster that knows all groups of APIs, and in one that knows
only what the set needs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from helm.values import CHART
from tests.helm.render import Rendered, render

FOLDER: Final = Path(__file__).parent / "values"
KUBE_VERSIONS: Final = ("1.30", "1.33", "1.37")  # the oldest that the chart allows, one between, the newest known
OPERATOR: Final = "monitoring.coreos.com/v1"
ADAPTER: Final = "custom.metrics.k8s.io/v1beta1"
GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
ALL_APIS: Final = (OPERATOR, ADAPTER, GATEWAY_API)
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "autoscaling-streams": (ADAPTER,),
    "everything": ALL_APIS,
    "gateway-api": (GATEWAY_API,),
    "operator": (OPERATOR,),
    "pod-monitor": (OPERATOR,),
    "sidecar": (OPERATOR,),
}

_ALWAYS: Final = frozenset({"ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"})
_WATCHED: Final = frozenset({"ServiceMonitor", "PrometheusRule"})  # come by themselves where the operator is


@dataclass(frozen=True, slots=True)
class ValueSet:
    """bare: kinds where only what is needed is known. more: those that come beside where everything is known."""

    name: str
    bare: frozenset[str]
    more: frozenset[str]

    @property
    def values(self) -> dict[str, Any]:
        """What the file says."""
        return dict(yaml.safe_load((FOLDER / f"{self.name}.yaml").read_text(encoding="utf-8")))

    def rendered(self, version: str, *, knows_all: bool) -> Rendered:
        """All of it on that version of Kubernetes."""
        return _rendered(self.name, version, knows_all)


def _set(
    name: str, *kinds: str, less: frozenset[str] = frozenset(), more: frozenset[str] = _WATCHED
) -> tuple[str, ValueSet]:
    return name, ValueSet(name, (_ALWAYS - less) | set(kinds), more)


_NONE: Final[frozenset[str]] = frozenset()
SETS: Final = dict(
    [
        _set("annotations", more=_NONE),
        _set("any-uid"),
        _set("autoscaling-cpu", "HorizontalPodAutoscaler"),
        _set("autoscaling-streams", "HorizontalPodAutoscaler"),
        _set("default"),
        _set(
            "everything",
            *("HorizontalPodAutoscaler", "HTTPRoute", "Ingress", "NetworkPolicy", "PrometheusRule", "ServiceMonitor"),
            more=_NONE,
        ),
        _set("gateway-api", "HTTPRoute"),
        _set("ingress", "Ingress"),
        _set("load-balancer"),
        _set("minimal", less=frozenset({"PodDisruptionBudget", "ServiceAccount"}), more=_NONE),
        _set("network-policy", "NetworkPolicy"),
        _set("openshift"),
        _set("operator", *_WATCHED, more=_NONE),
        _set("otlp"),
        _set("placed"),
        _set("pod-monitor", "PodMonitor", "PrometheusRule", more=_NONE),
        _set("pricing"),
        _set("secrets"),
        _set("sidecar", "PodMonitor", less=_ALWAYS - {"ConfigMap"}, more=_NONE),
        _set("teams"),
        _set("upstream-ca", "NetworkPolicy"),
        _set("upstream-ca-secret"),
    ]
)


@functools.cache
def _rendered(name: str, version: str, knows_all: bool) -> Rendered:
    apis = ALL_APIS if knows_all else NEEDED.get(name, ())
    return render(CHART, SETS[name].values, kube_version=f"v{version}.0", api_versions=apis)
