"""What scrapes a rendered pod, as a Prometheus' own configuration: of a ServiceMonitor, a PodMonitor or annotations.

Not here: running anything.
Source: the Prometheus operator's API reference and the labels that it gives to targets; the usual job of pods with
prometheus.io annotations. Objects select here as in a cluster: by labels, namespaces, and ports by name.
Promise: what selects nothing is an error, since a Prometheus would be silent about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from tests.helm.references import Pod
from tests.helm.render import NAMESPACE, Object

Scrape = dict[str, Any]

ANNOTATED_JOB: Final = "kubernetes-pods"  # a name that many configurations have; the operator isn't asked
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class NothingSelectedError(Exception):
    """A monitor that no target comes of."""


def of_service_monitor(monitor: Object, objects: Sequence[Object], pod: Pod) -> list[Scrape]:
    """One for each endpoint. Raises NothingSelectedError."""
    _check_namespace(monitor)
    services = [one for one in objects if one["kind"] == "Service" and _selects(monitor["spec"]["selector"], one)]
    found = []
    for endpoint in monitor["spec"]["endpoints"]:
        for service in services:
            for port in service["spec"]["ports"]:
                if port["name"] != endpoint["port"] or not _selects({"matchLabels": service["spec"]["selector"]}, pod):
                    continue
                target = port.get("targetPort", port["port"])
                container, number = _port_of(pod, target)
                name = service["metadata"]["name"]
                job = service["metadata"]["labels"].get(monitor["spec"].get("jobLabel", ""), name)
                labels = {"job": job, "service": name, "container": container, "endpoint": port["name"]}
                found.append(_scrape(endpoint, number, {**_of_pod(pod), **labels}))
    return _not_empty(found, monitor)


def of_pod_monitor(monitor: Object, pod: Pod) -> list[Scrape]:
    """One for each endpoint. Raises NothingSelectedError."""
    _check_namespace(monitor)
    found = []
    for endpoint in monitor["spec"]["podMetricsEndpoints"]:
        if _selects(monitor["spec"]["selector"], pod):
            container, number = _port_of(pod, endpoint["port"])
            job = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
            job = pod.template["metadata"]["labels"].get(monitor["spec"].get("jobLabel", ""), job)
            labels = {"job": job, "container": container, "endpoint": endpoint["port"]}
            found.append(_scrape(endpoint, number, {**_of_pod(pod), **labels}))
    return _not_empty(found, monitor)


def of_annotations(pod: Pod, interval: str) -> list[Scrape]:
    """By prometheus.io/scrape, port and path. Raises NothingSelectedError."""
    said = pod.template["metadata"].get("annotations", {})
    if said.get("prometheus.io/scrape") != "true":
        raise NothingSelectedError("no annotation asks for it")
    endpoint = {"path": said.get("prometheus.io/path", "/metrics"), "interval": interval}
    labels = {"job": ANNOTATED_JOB, **_of_pod(pod)}
    return [_scrape(endpoint, int(said["prometheus.io/port"]), labels)]


def _scrape(endpoint: Object, port: int, labels: dict[str, str]) -> Scrape:
    return {
        "job_name": "/".join(labels.values()),
        "scheme": endpoint.get("scheme", "http"),
        "metrics_path": endpoint.get("path", "/metrics"),
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint.get("scrapeTimeout", endpoint["interval"]),
        "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}],
        "relabel_configs": [_snake(one) for one in endpoint.get("relabelings", [])],
        "metric_relabel_configs": [_snake(one) for one in endpoint.get("metricRelabelings", [])],
    }


def _snake(relabeling: Object) -> Object:
    return {_CAPITAL.sub("_", key).lower(): value for key, value in relabeling.items()}


def _of_pod(pod: Pod) -> dict[str, str]:
    return {"namespace": pod.namespace, "pod": pod.name}


def _selects(selector: Object, one: Object | Pod) -> bool:
    assert selector.keys() == {"matchLabels"}, "only matchLabels is known here"
    metadata = one.template["metadata"] if isinstance(one, Pod) else one["metadata"]
    return bool(selector["matchLabels"].items() <= metadata.get("labels", {}).items())


def _port_of(pod: Pod, port: str | int) -> tuple[str, int]:
    """The container that has the port, and its number. Raises NothingSelectedError."""
    for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]:
        for one in container.get("ports", []):
            if port in (one["containerPort"], one.get("name")):
                return str(container["name"]), int(one["containerPort"])
    raise NothingSelectedError(f"no container has the port {port}")


def _check_namespace(monitor: Object) -> None:
    names = monitor["spec"].get("namespaceSelector", {}).get("matchNames", [monitor["metadata"]["namespace"]])
    if NAMESPACE not in names:
        raise NothingSelectedError(f"namespaces {names}")


def _not_empty(found: list[Scrape], monitor: Object) -> list[Scrape]:
    if not found:
        raise NothingSelectedError(f"{monitor['kind']} {monitor['metadata']['name']}")
    return found
