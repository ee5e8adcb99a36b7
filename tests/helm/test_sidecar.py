"""The named templates for other charts, in the example chart that uses them all, and the manifest made of it.

Not here: the sidecar at work (test_running.py).
"""

from __future__ import annotations

import functools
from typing import Any

import helm_python
import pytest

from helm import example
from helm.values import CHART
from tests.helm.render import Object, Rendered, documents, lint, render
from tests.helm.security import broken_rules, effective
from tests.helm.validation import builtin_problem, custom_problems, is_custom
from tests.helm.value_sets import KUBE_VERSIONS, OPERATOR

Values = dict[str, Any]

KEY = "interactions-gateway"
DEEP: Values = {
    "ports": {"proxy": 18080, "admin": 19464},
    "metrics": {"scrapeAnnotations": False, "podMonitor": {"enabled": True}},
    "upstreamCA": {"secret": "corporate-ca"},
    "fingerprintSecret": {"name": "fingerprints"},
    "extraVolumes": [{"name": "collector", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "collector", "mountPath": "/etc/collector"}],
    "otlp": {"endpoint": "http://collector:4318"},
    "podSecurityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1001,
        "fsGroup": 1001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


@functools.cache
def _default() -> Rendered:
    return consumed({})


def consumed(values: Values, version: str = "1.31") -> Rendered:
    """The example chart with such values for the gateway."""
    with example.with_dependency() as chart:
        return render(chart, {KEY: values}, kube_version=f"v{version}.0", api_versions=[OPERATOR])


def pods(rendered: Rendered) -> list[Object]:
    """The specs of both pods."""
    return [one["spec"]["template"] for one in rendered.objects if one["kind"] in ("Deployment", "Job")]


def sidecar(rendered: Rendered) -> Object:
    """The gateway's container, which is the same in both pods."""
    first, second = (pod["spec"]["initContainers"] for pod in pods(rendered))
    assert first == second
    (found,) = first
    assert isinstance(found, dict)
    return found


def test_the_chart_makes_no_pods_and_nothing_for_pods() -> None:
    found = {f"{one.source.split('/')[0]} {one.kind}" for one in _default().documents}

    assert found == {"templates ConfigMap", "templates Deployment", "templates Job", "charts ConfigMap"}


@pytest.mark.parametrize("values", [{}, DEEP], ids=["default", "everything"])
@pytest.mark.parametrize("version", KUBE_VERSIONS)
def test_kubernetes_takes_it_and_pods_are_restricted(values: Values, version: str, tmp_path: Any) -> None:
    rendered = consumed(values, version)
    custom = {document.name: document.content for document in rendered.documents if is_custom(document.content)}

    assert [builtin_problem(one, version) for one in rendered.objects if not is_custom(one)] == [None] * (
        len(rendered.objects) - len(custom)
    )
    assert set(custom) == ({"rel-interactions-gateway"} if values else set())
    if version == KUBE_VERSIONS[-1] and custom:
        assert custom_problems(custom, tmp_path) == {}
    for pod in pods(rendered):
        assert broken_rules(pod["spec"]) == set()
        assert {one["name"] for one in effective(pod["spec"])} == {"assistant", "interactions-gateway"}


def test_lint_has_nothing_to_say() -> None:
    with example.with_dependency() as chart:
        assert lint(chart) == []


def test_it_is_a_native_sidecar_on_loopback_with_probes_by_healthcheck() -> None:
    one = sidecar(_default())
    variables = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in one["env"]}
    probes = {name: one[f"{name}Probe"]["exec"]["command"] for name in ("startup", "liveness", "readiness")}

    assert one["restartPolicy"] == "Always"
    assert "lifecycle" not in one
    assert variables["INTERACTIONS_GATEWAY_LISTEN"] == "127.0.0.1:8081"
    assert variables["INTERACTIONS_GATEWAY_ADMIN"] == ":9464"
    assert variables["INTERACTIONS_GATEWAY_MEMORY_LIMIT_BYTES"] == {"resourceFieldRef": {"resource": "limits.memory"}}
    assert one["ports"] == [{"name": "gateway-metrics", "containerPort": 9464, "protocol": "TCP"}]
    assert probes == {
        "startup": ["interactions-gateway", "healthcheck", "--ready"],
        "liveness": ["interactions-gateway", "healthcheck"],
        "readiness": ["interactions-gateway", "healthcheck", "--ready"],
    }


def test_the_application_finds_it_and_the_pod_leaves_time_for_it() -> None:
    for pod in pods(_default()):
        (application,) = pod["spec"]["containers"]

        assert {"name": "GOOGLE_GEMINI_BASE_URL", "value": "http://127.0.0.1:8081"} in application["env"]
        assert pod["spec"]["terminationGracePeriodSeconds"] == 120 + 15


@pytest.mark.parametrize("values", [{}, DEEP], ids=["default", "everything"])
def test_every_mount_has_its_volume_and_every_volume_its_mount(values: Values) -> None:
    for pod in pods(consumed(values)):
        spec = pod["spec"]
        mounts = [mount["name"] for one in spec["initContainers"] + spec["containers"] for mount in one["volumeMounts"]]
        volumes = [volume["name"] for volume in spec["volumes"]]

        assert sorted(mounts) == sorted(volumes)
        assert len(set(volumes)) == len(volumes)


def test_settings_that_pods_cannot_take_up_replace_them() -> None:
    def checksum(values: Values) -> str:
        (one, other) = (pod["metadata"]["annotations"] for pod in pods(consumed(values)))
        assert one == other
        return str(one["checksum/interactions-gateway"])

    assert checksum({"config": {"grace_period_s": 5}}) != checksum({})
    assert checksum({"config": {"log": {"level": "debug"}}}) == checksum({})


def test_a_prometheus_finds_it_by_annotations_or_by_a_pod_monitor() -> None:
    annotations = pods(_default())[0]["metadata"]["annotations"]
    other = consumed(DEEP)
    monitor = other.one("PodMonitor")["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]

    assert {key: value for key, value in annotations.items() if key.startswith("prometheus.io/")} == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9464",
        "prometheus.io/path": "/metrics",
    }
    for pod in pods(other):
        assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert not any(key.startswith("prometheus.io/") for key in pod["metadata"]["annotations"])
    assert endpoint["port"] in {port["name"] for port in sidecar(other)["ports"]}


def test_what_a_pod_would_say_for_its_containers_it_says_itself() -> None:
    context = sidecar(consumed(DEEP))["securityContext"]

    assert context["runAsUser"] == 1001
    assert "fsGroup" not in context  # of pods only


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ingress": {"enabled": True, "hosts": ["a.example"]}}, "ingress.enabled has nothing to be for"),
        ({"networkPolicy": {"enabled": True}}, "networkPolicy.enabled has nothing to be for"),
        ({"autoscaling": {"enabled": True}}, "autoscaling.enabled has nothing to be for"),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}}, "httpRoute.enabled has nothing to be for"),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, "use metrics.podMonitor.enabled"),
        ({"standalone": "no"}, "standalone"),
        ({"prots": {}}, "prots"),
    ],
)
def test_what_makes_no_sense_in_a_sidecar_is_refused(values: Values, words: str) -> None:
    with pytest.raises(helm_python.HelmError, match=words):
        render(CHART, {"standalone": False, **values}, api_versions=[OPERATOR])


def test_the_manifest_is_what_the_templates_make() -> None:
    """`make chart` writes it."""
    text = example.MANIFEST.read_text(encoding="utf-8")
    found = documents(text)

    assert text == example.manifest()
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("ConfigMap", "assistant-interactions-gateway"),
        ("ConfigMap", "assistant"),
        ("Deployment", "assistant"),
        ("Job", "assistant-once"),
    ]
    assert [builtin_problem(one, version) for one in found for version in KUBE_VERSIONS] == [None] * 12
