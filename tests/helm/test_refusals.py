"""Values that don't go together: refused with a sentence that says what to do, and let through once it was done."""

from __future__ import annotations

from typing import Any

import helm_python
import pytest

from helm.values import CHART
from tests.helm.objects import ADAPTER, GATEWAY_API, OPERATOR, refusals, rendered

Values = dict[str, Any]

ROWS = [  # refused values, values that were made right, the sentence, APIs of the cluster
    pytest.param(
        {"config": {"listen": ":80"}},
        {"ports": {"proxy": 8081}},
        "config.listen follows ports.proxy: set that instead",
        id="an address of the settings",
    ),
    pytest.param(
        {"config": {"admin": ":80"}},
        {"ports": {"admin": 9465}},
        "config.admin follows ports.admin: set that instead",
        id="the other address",
    ),
    pytest.param(
        {"config": {"memory_limit_bytes": 1000}},
        {"resources": {"limits": {"memory": "1Gi"}}},
        "config.memory_limit_bytes follows resources.limits.memory: set that instead",
        id="a memory limit of the settings",
    ),
    pytest.param(
        {"pricing": "model = []", "config": {"pricing": {"file": "/prices/p.toml"}}},
        {"config": {"pricing": {"file": "/prices/p.toml"}}},
        "pricing and config.pricing.file both name prices: keep one of them",
        id="two files of prices",
    ),
    pytest.param(
        {"upstreamCA": {"configMap": "a", "secret": "b"}},
        {"upstreamCA": {"secret": "b"}},
        "upstreamCA.configMap and upstreamCA.secret are both set: keep one of them",
        id="two places of certificates",
    ),
    pytest.param(
        {"upstreamCA": {"configMap": "a"}, "config": {"proxy": {"ca_file": "/ca.pem"}}},
        {"config": {"proxy": {"ca_file": "/ca.pem"}}},
        "upstreamCA and config.proxy.ca_file both name certificates: keep one of them",
        id="two files of certificates",
    ),
    pytest.param(
        {"config": {"attribution": {"team": "key-fingerprint", "fingerprint_secret": "0123456789abcdef"}}},
        {"config": {"attribution": {"team": "key-fingerprint"}}, "fingerprintSecret": {"name": "s"}},
        "config.attribution.fingerprint_secret would be readable in a ConfigMap: put it into a Secret, and "
        "the Secret's "
        "name into fingerprintSecret.name",
        id="a secret in a ConfigMap",
    ),
    pytest.param(
        {"config": {"attribution": {"team": "key-fingerprint"}}},
        {"config": {"attribution": {"team": "header:x-team"}}},
        "config.attribution.team: key-fingerprint wants a secret that keys the fingerprints: set "
        "fingerprintSecret.name",
        id="a missing secret",
    ),
    pytest.param(
        {"config": {"budgets": [{"name": "b", "usd": 1, "window": "daily", "team": "search"}]}},
        {
            "config": {
                "budgets": [{"name": "b", "usd": 1, "window": "daily", "team": "search"}],
                "attribution": {"team": "header:x-team"},
            }
        },
        "config.budgets: b is team search's, and no team is known: set config.attribution.team",
        id="a budget of nobody",
    ),
    pytest.param(
        {"config": {"workers": "auto"}},
        {"config": {"workers": "auto"}, "resources": {"limits": {"cpu": "2"}}},
        "config.workers: auto would start a forwarder for each CPU of the node: set a number, or resources.limits.cpu",
        id="forwarders without number",
    ),
    pytest.param(
        {"ports": {"proxy": 9000, "admin": 9000}},
        {"ports": {"proxy": 9000, "admin": 9001}},
        "ports.proxy and ports.admin are both 9000: give them two ports",
        id="one port for two",
    ),
    pytest.param(
        {"terminationGracePeriodSeconds": 319, "config": {"grace_period_s": 300}, "preStopSleepSeconds": 10},
        {"terminationGracePeriodSeconds": 320, "config": {"grace_period_s": 300}, "preStopSleepSeconds": 10},
        "terminationGracePeriodSeconds: 319 would cut streams that drain: set 320 or more (preStopSleepSeconds, "
        "config.grace_period_s and 10), null, or a shorter config.grace_period_s",
        id="killed before it drained",
    ),
    pytest.param(
        {"extraEnv": [{"name": "INTERACTIONS_GATEWAY_LISTEN", "value": ":1"}]},
        {"extraEnv": [{"name": "INTERACTIONS_GATEWAY_LOG__LEVEL", "value": "debug"}]},
        "extraEnv: INTERACTIONS_GATEWAY_LISTEN is set by the chart, or twice: use the value that is for it",
        id="a variable of the chart",
    ),
    pytest.param(
        {"extraVolumes": [{"name": "settings", "emptyDir": {}}]},
        {"extraVolumes": [{"name": "more", "emptyDir": {}}]},
        "extraVolumes: the chart has a volume settings of its own: choose another name",
        id="a volume of the chart",
    ),
    pytest.param(
        {"strategy": {"type": "Recreate"}},
        {"strategy": {"type": "Recreate", "rollingUpdate": None}},
        "strategy.rollingUpdate doesn't go with type Recreate: set it to null",
        id="two strategies",
    ),
    pytest.param(
        {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}},
        {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}},
        "strategy.rollingUpdate: with maxSurge 0 and maxUnavailable 0 no pod can ever be replaced: raise one of them",
        id="no pod may go or come",
    ),
    pytest.param(
        {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}},
        {"autoscaling": {"enabled": True, "minReplicas": 4, "maxReplicas": 4}},
        "autoscaling.minReplicas (5) is above autoscaling.maxReplicas (4): swap or change them",
        id="more at least than at most",
    ),
    pytest.param(
        {"autoscaling": {"enabled": True, "cpuPercent": 0}},
        {"autoscaling": {"enabled": True, "cpuPercent": 50}},
        "autoscaling has nothing to go by: set autoscaling.cpuPercent or autoscaling.activeStreams",
        id="nothing to scale by",
    ),
    pytest.param(
        {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
        {"autoscaling": {"enabled": False}, "resources": {"requests": {"cpu": None}}},
        "autoscaling.cpuPercent is a share of the request: set resources.requests.cpu",
        id="a share of nothing",
    ),
    pytest.param(
        {"podDisruptionBudget": {"minAvailable": "100%"}},
        {"podDisruptionBudget": {"minAvailable": "50%"}},
        "podDisruptionBudget.minAvailable: 100% would keep every node from being drained: lower it",
        id="all must stay",
    ),
    pytest.param(
        {"podDisruptionBudget": {"minAvailable": 3}, "replicaCount": 3},
        {"podDisruptionBudget": {"minAvailable": 2}, "replicaCount": 3},
        "podDisruptionBudget.minAvailable (3) of 3 pods would keep every node from being drained: lower it, "
        "or have more "
        "pods",
        id="as many must stay as there are",
    ),
    pytest.param(
        {"podDisruptionBudget": {"minAvailable": 2}, "replicaCount": 9, "autoscaling": {"enabled": True}},
        {"podDisruptionBudget": {"minAvailable": 1}, "replicaCount": 1, "autoscaling": {"enabled": True}},
        "podDisruptionBudget.minAvailable (2) of 2 pods would keep every node from being drained: lower it, "
        "or have more "
        "pods",
        id="as many must stay as there are at least",
    ),
    pytest.param(
        {"podDisruptionBudget": {"maxUnavailable": None}},
        {"podDisruptionBudget": {"maxUnavailable": None, "enabled": False}},
        "podDisruptionBudget has no number: set maxUnavailable or minAvailable",
        id="a budget without a number",
    ),
    pytest.param(
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        {"podDisruptionBudget": {"maxUnavailable": "10%"}},
        "podDisruptionBudget.maxUnavailable: 0 would keep every node from being drained: set 1 or more",
        id="none may go",
    ),
    pytest.param(
        {"ingress": {"enabled": True}},
        {"ingress": {"enabled": True, "hosts": ["gw.example.com"]}},
        "ingress.enabled without a host would take every host's requests: set ingress.hosts",
        id="an ingress for every host",
    ),
    pytest.param(
        {"otlp": {"endpoint": "http://c:4317", "protocol": "grpc"}},
        {"otlp": {"endpoint": "http://c:4318"}},
        "otlp.protocol: grpc is not spoken: use http/protobuf, which collectors take on port 4318",
        id="another protocol",
    ),
    pytest.param(
        {"otlp": {"metrics": True}},
        {"otlp": {"metrics": True, "endpoint": "http://c:4318"}},
        "otlp.metrics without a place to send them to: set otlp.endpoint",
        id="metrics to nowhere",
    ),
    pytest.param(
        {"otlp": {"headersSecret": {"name": "s"}}},
        {"otlp": {"headersSecret": {"name": "s"}, "endpoint": "http://c:4318"}},
        "otlp.headersSecret without a place to send them to: set otlp.endpoint",
        id="headers to nowhere",
    ),
]


@pytest.mark.parametrize(("wrong", "right", "sentence"), ROWS)
def test_a_mistake_is_told_and_without_it_the_chart_renders(wrong: Values, right: Values, sentence: str) -> None:
    assert refusals(wrong) == [sentence]
    assert refusals(right) == []


API_ROWS = [  # values, the API that they want, the sentence
    pytest.param(
        {"autoscaling": {"enabled": True, "activeStreams": 500}},
        ADAPTER,
        "autoscaling.activeStreams wants a metrics adapter (custom.metrics.k8s.io), which this cluster doesn't have: "
        "install one, set it to 0, or give --api-versions custom.metrics.k8s.io/v1beta1 to helm template",
        id="streams",
    ),
    pytest.param(
        {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}},
        GATEWAY_API,
        "httpRoute.enabled wants the Gateway API (gateway.networking.k8s.io/v1), which this cluster doesn't "
        "have: install "
        "it, switch it off, or give --api-versions gateway.networking.k8s.io/v1 to helm template",
        id="a route",
    ),
    *(
        pytest.param(
            values,
            OPERATOR,
            f"{key}.enabled wants the Prometheus operator (monitoring.coreos.com/v1), which this cluster doesn't have: "
            f"install it, or give --api-versions monitoring.coreos.com/v1 to helm template; without it {instead}",
            id=key,
        )
        for key, values, instead in (
            (
                "metrics.serviceMonitor",
                {"metrics": {"serviceMonitor": {"enabled": True}}},
                "use metrics.scrapeAnnotations",
            ),
            ("metrics.podMonitor", {"metrics": {"podMonitor": {"enabled": True}}}, "use metrics.scrapeAnnotations"),
            ("prometheusRule", {"prometheusRule": {"enabled": True}}, "load config/rules into your Prometheus"),
        )
    ),
]


@pytest.mark.parametrize(("values", "api", "sentence"), API_ROWS)
def test_an_object_that_the_cluster_does_not_know_is_refused(values: Values, api: str, sentence: str) -> None:
    assert refusals(values) == [sentence]
    assert refusals(values, [api]) == []


def test_a_route_without_a_gateway_is_refused() -> None:
    assert refusals({"httpRoute": {"enabled": True}}, [GATEWAY_API]) == [
        "httpRoute.enabled without a Gateway to belong to: set httpRoute.parentRefs, such as [{name: "
        "public, namespace: "
        "gateways}]"
    ]


@pytest.mark.parametrize(
    ("metrics", "named"),
    [
        pytest.param(
            {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}},
            "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled",
            id="two monitors",
        ),
        pytest.param(
            {"podMonitor": {"enabled": True}, "scrapeAnnotations": True},
            "metrics.podMonitor.enabled and metrics.scrapeAnnotations",
            id="a monitor and annotations",
        ),
    ],
)
def test_metrics_are_scraped_once(metrics: Values, named: str) -> None:
    assert refusals({"metrics": metrics}, [OPERATOR]) == [
        f"{named} would have every series scraped twice: keep one of them"
    ]


def test_an_old_cluster_is_refused() -> None:
    """kubeVersion of Chart.yaml is not looked at by every way to render."""
    assert refusals(kube_version="v1.29.9") == [
        "Kubernetes v1.29.9 is too old: use 1.30 or newer, where a pod can sleep before it ends"
    ]
    assert refusals(kube_version="v1.30.0-eks-1234") == []


def test_all_mistakes_are_told_at_once() -> None:
    assert len(refusals({"ports": {"proxy": 9000, "admin": 9000}, "ingress": {"enabled": True}})) == 2


UNKNOWN = [  # values that the schema refuses, and where it says so
    pytest.param({"replicas": 3}, "additional properties 'replicas' not allowed", id="an unknown value"),
    pytest.param({"image": {"name": "x"}}, "additional properties 'name' not allowed", id="an unknown value inside"),
    pytest.param({"config": {"worker": 3}}, "additional properties 'worker' not allowed", id="an unknown setting"),
    pytest.param(
        {"config": {"proxy": {"timeout": 3}}}, "additional properties 'timeout' not allowed", id="and one inside"
    ),
    pytest.param({"config": {"workers": 0}}, "minimum: got 0, want 1", id="a setting below its bound"),
    pytest.param({"config": {"traces": {"keep_ratio": 1.5}}}, "maximum: got 1.5, want 1", id="and one above"),
    pytest.param({"config": {"upstream": "example.com"}}, "does not match pattern", id="an upstream that is no URL"),
    pytest.param({"config": {"log": {"level": "loud"}}}, "value must be one of", id="a word that isn't known"),
    pytest.param({"replicaCount": "3"}, "got string, want integer", id="a text for a number"),
    pytest.param({"ports": {"proxy": 80}}, "minimum: got 80, want 1,024", id="a port that wants root"),
    pytest.param({"service": {"type": "ExternalName"}}, "value must be one of", id="a type of Service"),
    pytest.param({"podLabels": {"a": "b c"}}, "does not match pattern", id="a label that Kubernetes refuses"),
    pytest.param({"metrics": {"interval": "30"}}, "does not match pattern", id="an interval without unit"),
    pytest.param({"prometheusRule": {"enabled": "yes"}}, "value must be one of", id="neither auto nor true nor false"),
]


@pytest.mark.parametrize(("values", "wrong"), UNKNOWN)
def test_what_the_schema_does_not_know_is_refused_by_rendering_and_by_lint(values: Values, wrong: str) -> None:
    with pytest.raises(helm_python.HelmError) as raised:
        rendered(values)

    assert wrong in str(raised.value)
    linted = helm_python.lint(str(CHART), values, strict=True, kube_version="v1.31.0")
    assert linted["total_charts_linted"] == 1
    assert any(wrong in str(message) for message in [*linted["messages"], *linted["errors"]])


def test_a_parent_chart_may_have_globals() -> None:
    assert refusals({"global": {"anything": {"at": "all"}}}) == []
