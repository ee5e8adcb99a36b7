"""The newcomer's path: the chart's default, its pod as a process, a real Prometheus by what was rendered for it.

Not here: the pieces of it (test_running.py, test_validation.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.gateway_process import SimulatorProcess, wait_until
from tests.helm.asking import MODEL, Asking
from tests.helm.containers import GATEWAY, Container
from tests.helm.monitors import NothingSelectedError, Scrape, of_annotations, of_pod_monitor, of_service_monitor
from tests.helm.references import Pod
from tests.helm.releases import Ports, Values, application, pod_of, release
from tests.helm.render import NAMESPACE, Rendered
from tests.helm.value_sets import KUBE_VERSIONS, OPERATOR, SETS
from tests.prometheus_process import prometheus

Found = tuple[Pod, Rendered, list[Scrape]]

TOKENS = {"input": 11.0, "output": 90.0, "thought": 245.0}  # of the scenario `text`
SOON: Values = {"metrics": {"interval": "1s"}}


def by_default(upstream: str, ports: Ports) -> Found:
    """A cluster with the operator, and no value but the addresses and a shorter interval."""
    rendered = release(upstream, ports, SOON, [OPERATOR])
    pod = pod_of(rendered)
    return pod, rendered, of_service_monitor(rendered.one("ServiceMonitor"), rendered.objects, pod)


def by_pod_monitor(upstream: str, ports: Ports) -> Found:
    """The sidecar, whose pod is another chart's."""
    values: Values = {"metrics": {"interval": "1s", "scrapeAnnotations": False, "podMonitor": {"enabled": True}}}
    pod, rendered = application("Deployment", upstream, ports, values, [OPERATOR])
    return pod, rendered, of_pod_monitor(rendered.one("PodMonitor"), pod)


def by_annotations(upstream: str, ports: Ports) -> Found:
    """A cluster without the operator."""
    rendered = release(upstream, ports, {"metrics": {"scrapeAnnotations": True}})
    pod = pod_of(rendered)
    return pod, rendered, of_annotations(pod, "1s")


WAYS = [
    pytest.param(by_default, "gateway", {"job": "interactions-gateway", "container": "gateway"}, id="default"),
    pytest.param(by_annotations, "gateway", {"job": "kubernetes-pods"}, id="annotations"),
    pytest.param(
        by_pod_monitor,
        "interactions-gateway",
        {"job": "interactions-gateway", "container": "interactions-gateway"},
        id="sidecar",
    ),
]


@pytest.mark.parametrize(("way", "name", "labels"), WAYS)
def test_a_prometheus_has_the_tokens_of_the_stream_that_was_just_served(
    simulator: SimulatorProcess,
    ports: Ports,
    folder: Path,
    way: Callable[[str, Ports], Found],
    name: str,
    labels: dict[str, str],
) -> None:
    pod, rendered, scrapes = way(simulator.url, ports)
    rules = {one["metadata"]["name"]: one["spec"] for one in rendered.of_kind("PrometheusRule")}
    config = {"scrape_configs": scrapes, "rule_files": ["rules/*.yml"], "global": {"evaluation_interval": "1s"}}
    (folder / "prometheus" / "rules").mkdir(parents=True)
    for rule, spec in rules.items():
        (folder / "prometheus" / "rules" / f"{rule}.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    with Container(pod, name, GATEWAY, folder) as gateway, prometheus(config, folder / "prometheus") as server:
        gateway.starts()
        with Asking(ports["proxy"], simulator) as asking:
            assert asking.read_to_end().is_exact()
        found = wait_until(
            lambda: server.query(f'sum by (type) (interactions_gateway_tokens_total{{model="{MODEL}"}})'), 20, "tokens"
        )
        (target,) = wait_until(lambda: server.query("up == 1"), 20, what="the target")

        assert {one.labels["type"]: one.value for one in found} == TOKENS
        where = {"namespace": NAMESPACE, "pod": pod.name, **labels}
        assert where.items() <= target.labels.items()
        for rule in server.rules():
            assert rule["health"] != "err", rule


def test_the_rules_of_a_release_look_at_the_job_that_its_monitors_give() -> None:
    """In the sets with the operator: what the alerts of dead targets select, and what targets are called."""
    compared = 0
    for chosen in SETS.values():
        rendered = chosen.rendered(KUBE_VERSIONS[-1], knows_all=True)
        monitors = rendered.of_kind("ServiceMonitor")
        if not monitors:
            continue
        (scrape,) = of_service_monitor(monitors[0], rendered.objects, pod_of(rendered))
        job = scrape["static_configs"][0]["labels"]["job"]
        text = json.dumps([one["spec"] for one in rendered.of_kind("PrometheusRule")])
        compared += 1

        assert job == "interactions-gateway"
        assert 'absent(up{job=~\\".*interactions-gateway.*\\"})' in text

    assert compared > 10


def test_a_monitor_that_selects_nothing_is_an_error(ports: Ports) -> None:
    rendered = release("https://a.example", ports, {}, [OPERATOR])
    pod, monitor = pod_of(rendered), rendered.one("ServiceMonitor")
    labels = dict(pod.template["metadata"]["labels"])
    pod.template["metadata"]["labels"] = {}
    with pytest.raises(NothingSelectedError):
        of_service_monitor(monitor, rendered.objects, pod)
    pod.template["metadata"]["labels"] = labels
    monitor["spec"]["endpoints"][0]["port"] = "http"
    with pytest.raises(NothingSelectedError):
        of_service_monitor(monitor, rendered.objects, pod)
    with pytest.raises(NothingSelectedError):
        of_annotations(pod, "1s")
