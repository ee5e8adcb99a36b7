"""What each value does: the default, and what another one makes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway import __version__
from gateway.supervisor import FORWARDER_SLACK_S, OBSERVER_FLUSH_S
from helm.values import CHART
from tests.helm.objects import (
    ADAPTER,
    ALL_APIS,
    GATEWAY_API,
    NAME,
    NAMESPACE,
    OPERATOR,
    Object,
    container,
    kinds,
    objects,
    one,
    pod,
    rendered,
)

Values = dict[str, Any]

ALWAYS = {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"}
APP = "interactions-gateway"
IMAGE = f"{APP}:{__version__}"
DIGEST = "sha256:" + "0" * 64
SELECTOR = {"app.kubernetes.io/name": "interactions-gateway", "app.kubernetes.io/instance": "rel"}


def env(values: Values | None = None) -> dict[str, Any]:
    """Variables by name: their text, or where it comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(values)["env"]}


def at(found: Object, path: str) -> Any:
    """What stands at a path of keys and numbers with blanks between; None where there is nothing."""
    value: Any = found
    for part in path.split():
        try:
            value = value[int(part)] if isinstance(value, list) else value.get(part)
        except (AttributeError, IndexError):
            return None
    return value


# Which objects there are.


@pytest.mark.parametrize(
    ("values", "apis", "more"),
    [
        pytest.param({}, [], set(), id="by default"),
        pytest.param({}, [OPERATOR], {"ServiceMonitor"}, id="where the operator is"),
        pytest.param({}, [f"{OPERATOR}/ServiceMonitor"], {"ServiceMonitor"}, id="where it is, by its kinds"),
        pytest.param({"metrics": {"serviceMonitor": {"enabled": False}}}, [OPERATOR], set(), id="off"),
        pytest.param({"metrics": {"serviceMonitor": {"enabled": True}}}, [OPERATOR], {"ServiceMonitor"}, id="on"),
        pytest.param({"metrics": {"podMonitor": {"enabled": True}}}, [OPERATOR], {"PodMonitor"}, id="a PodMonitor"),
        pytest.param({"metrics": {"scrapeAnnotations": True}}, [OPERATOR], set(), id="annotations instead"),
        pytest.param({"autoscaling": {"enabled": True}}, [], {"HorizontalPodAutoscaler"}, id="an autoscaler"),
        pytest.param({"networkPolicy": {"enabled": True}}, [], {"NetworkPolicy"}, id="a NetworkPolicy"),
        pytest.param({"ingress": {"enabled": True, "hosts": ["a.example"]}}, [], {"Ingress"}, id="an Ingress"),
        pytest.param(
            {"httpRoute": {"enabled": True, "parentRefs": [{"name": "g"}]}}, [GATEWAY_API], {"HTTPRoute"}, id="a route"
        ),
    ],
)
def test_objects_come_where_they_are_asked_for_and_known(values: Values, apis: list[str], more: set[str]) -> None:
    """Rules are looked at in test_rules_in_chart.py."""
    assert kinds(values, apis) - {"PrometheusRule"} == ALWAYS | more


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"podDisruptionBudget": {"enabled": False}}, "PodDisruptionBudget"),
        ({"serviceAccount": {"create": False}}, "ServiceAccount"),
    ],
)
def test_an_object_goes_where_it_is_switched_off(values: Values, kind: str) -> None:
    assert kinds(values) == ALWAYS - {kind}


# What stands in them: values, kind, path, default, and what it becomes.

ROWS = [
    ({"replicaCount": 5}, "Deployment", "spec replicas", 2, 5),
    ({"autoscaling": {"enabled": True}}, "Deployment", "spec replicas", 2, None),
    (
        {"strategy": {"rollingUpdate": {"maxSurge": "50%"}}},
        "Deployment",
        "spec strategy rollingUpdate maxSurge",
        1,
        "50%",
    ),
    ({"service": {"type": "LoadBalancer"}}, "Service", "spec type", "ClusterIP", "LoadBalancer"),
    ({"service": {"port": 80}}, "Service", "spec ports 0 port", 8080, 80),
    ({"service": {"annotations": {"a/b": "c"}}}, "Service", "metadata annotations", None, {"a/b": "c"}),
    ({"serviceAccount": {"annotations": {"a": "b"}}}, "ServiceAccount", "metadata annotations", None, {"a": "b"}),
    ({"podDisruptionBudget": {"maxUnavailable": "20%"}}, "PodDisruptionBudget", "spec maxUnavailable", 1, "20%"),
    ({"podDisruptionBudget": {"minAvailable": 1}}, "PodDisruptionBudget", "spec maxUnavailable", 1, None),
    ({"podDisruptionBudget": {"minAvailable": 1}}, "PodDisruptionBudget", "spec minAvailable", None, 1),
    ({"podDisruptionBudget": {"minAvailable": "50%"}}, "PodDisruptionBudget", "spec minAvailable", None, "50%"),
    ({"commonLabels": {"team": "llm"}}, "ConfigMap", "metadata labels team", None, "llm"),
    (
        {"commonLabels": {"app.kubernetes.io/name": "x"}},
        "ConfigMap",
        "metadata labels app.kubernetes.io/name",
        APP,
        APP,
    ),
    ({"metrics": {"interval": "1m"}}, "ServiceMonitor", "spec endpoints 0 interval", "30s", "1m"),
    ({"metrics": {"serviceMonitor": {"labels": {"r": "p"}}}}, "ServiceMonitor", "metadata labels r", None, "p"),
    (
        {"metrics": {"serviceMonitor": {"relabelings": [{"action": "drop"}]}}},
        "ServiceMonitor",
        "spec endpoints 0 relabelings",
        None,
        [{"action": "drop"}],
    ),
    (
        {"metrics": {"serviceMonitor": {"metricRelabelings": [{"action": "drop"}]}}},
        "ServiceMonitor",
        "spec endpoints 0 metricRelabelings",
        None,
        [{"action": "drop"}],
    ),
]


@pytest.mark.parametrize(("values", "kind", "path", "default", "changed"), ROWS, ids=[f"{r[1]} {r[2]}" for r in ROWS])
def test_a_value_stands_where_it_belongs(values: Values, kind: str, path: str, default: Any, changed: Any) -> None:
    assert at(one(kind, {}, [OPERATOR]), path) == default
    assert at(one(kind, values, [OPERATOR]), path) == changed


POD_ROWS = [  # the same of the pod's template
    ({"podLabels": {"a": "b"}}, "metadata labels a", None, "b"),
    ({"commonLabels": {"a": "b"}}, "metadata labels a", None, "b"),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, "metadata labels app.kubernetes.io/name", APP, APP),
    ({"podAnnotations": {"x/y": "z"}}, "metadata annotations x/y", None, "z"),
    ({"metrics": {"scrapeAnnotations": True}}, "metadata annotations prometheus.io/scrape", None, "true"),
    ({"metrics": {"scrapeAnnotations": True}}, "metadata annotations prometheus.io/port", None, "9464"),
    ({"nodeSelector": {"a": "b"}}, "spec nodeSelector", None, {"a": "b"}),
    ({"tolerations": [{"key": "a"}]}, "spec tolerations", None, [{"key": "a"}]),
    ({"affinity": {"podAffinity": {}}}, "spec affinity", None, {"podAffinity": {}}),
    ({"priorityClassName": "high"}, "spec priorityClassName", None, "high"),
    ({"imagePullSecrets": [{"name": "r"}]}, "spec imagePullSecrets", None, [{"name": "r"}]),
    ({"podSecurityContext": {"fsGroup": 5}}, "spec securityContext fsGroup", None, 5),
    ({"serviceAccount": {"name": "sa"}}, "spec serviceAccountName", NAME, "sa"),
    ({"serviceAccount": {"create": False}}, "spec serviceAccountName", NAME, "default"),
    ({"topologySpreadConstraints": []}, "spec topologySpreadConstraints 0 maxSkew", 1, None),
    ({"extraVolumes": [{"name": "v", "emptyDir": {}}]}, "spec volumes 1", None, {"name": "v", "emptyDir": {}}),
    ({"terminationGracePeriodSeconds": 9000}, "spec terminationGracePeriodSeconds", 3625, 9000),
    ({"config": {"grace_period_s": 60.5}}, "spec terminationGracePeriodSeconds", 3625, 86),
    ({"config": {"grace_period_s": None}}, "spec terminationGracePeriodSeconds", 3625, 55),
    ({"config": {"grace_period_s": 0}}, "spec terminationGracePeriodSeconds", 3625, 25),
    ({"preStopSleepSeconds": 0}, "spec terminationGracePeriodSeconds", 3625, 3615),
    ({"preStopSleepSeconds": 0}, "spec containers 0 lifecycle", {"preStop": {"sleep": {"seconds": 10}}}, None),
    ({"image": {"repository": "a/b"}}, "spec containers 0 image", IMAGE, f"a/b:{__version__}"),
    ({"image": {"tag": "x"}}, "spec containers 0 image", IMAGE, "interactions-gateway:x"),
    ({"image": {"tag": "x", "digest": DIGEST}}, "spec containers 0 image", IMAGE, f"interactions-gateway@{DIGEST}"),
    ({"image": {"pullPolicy": "Always"}}, "spec containers 0 imagePullPolicy", "IfNotPresent", "Always"),
    ({"ports": {"proxy": 8181}}, "spec containers 0 ports 0 containerPort", 8080, 8181),
    ({"ports": {"admin": 9494}}, "spec containers 0 ports 1 containerPort", 9464, 9494),
    ({"extraEnvFrom": [{"secretRef": {"name": "s"}}]}, "spec containers 0 envFrom 0 secretRef name", None, "s"),
    (
        {"extraVolumeMounts": [{"name": "v", "mountPath": "/v"}]},
        "spec containers 0 volumeMounts 1",
        None,
        {"name": "v", "mountPath": "/v"},
    ),
    ({"resources": {"limits": {"memory": "2Gi"}}}, "spec containers 0 resources limits memory", "768Mi", "2Gi"),
    ({"startupProbe": {"failureThreshold": 9}}, "spec containers 0 startupProbe failureThreshold", 60, 9),
    ({"livenessProbe": {"periodSeconds": 9}}, "spec containers 0 livenessProbe periodSeconds", 10, 9),
    ({"readinessProbe": {"timeoutSeconds": 9}}, "spec containers 0 readinessProbe timeoutSeconds", 2, 9),
    (
        {"readinessProbe": {"exec": {"command": ["x"]}}},
        "spec containers 0 readinessProbe httpGet path",
        "/readyz",
        None,
    ),
]


@pytest.mark.parametrize(("values", "path", "default", "changed"), POD_ROWS, ids=[f"{r[0]}" for r in POD_ROWS])
def test_a_value_stands_in_the_pod(values: Values, path: str, default: Any, changed: Any) -> None:
    assert at(pod(), path) == default
    assert at(pod(values), path) == changed


# The container.


def test_the_pod_fulfils_the_restricted_standard() -> None:
    """And any user may run it: none is named, so the image's own or OpenShift's is."""
    spec = pod()["spec"]
    made = container()

    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert made["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"}.isdisjoint(spec)
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} == {"configMap"}


def test_resources_are_requested_and_the_cpu_is_not_limited() -> None:
    assert set(container()["resources"]["requests"]) == {"cpu", "memory"}
    assert set(container()["resources"]["limits"]) == {"memory"}


def test_the_gateway_knows_the_memory_limit_where_there_is_one() -> None:
    name = "INTERACTIONS_GATEWAY_MEMORY_LIMIT_BYTES"

    assert env()[name] == {"resourceFieldRef": {"containerName": "gateway", "resource": "limits.memory"}}
    assert name not in env({"resources": {"limits": {"memory": None}}})
    assert name not in env({"resources": {"limits": None}})


def test_addresses_are_all_of_the_pods_and_follow_the_ports() -> None:
    values = {"ports": {"proxy": 8181, "admin": 9494}}

    assert (env()["INTERACTIONS_GATEWAY_LISTEN"], env()["INTERACTIONS_GATEWAY_ADMIN"]) == (":8080", ":9464")
    assert (env(values)["INTERACTIONS_GATEWAY_LISTEN"], env(values)["INTERACTIONS_GATEWAY_ADMIN"]) == (":8181", ":9494")


def test_the_variables_of_services_stay_out() -> None:
    """They would begin like settings."""
    assert pod()["spec"]["enableServiceLinks"] is False


def test_probes_ask_the_admin_port() -> None:
    made = container()
    asked = {name: made[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}

    assert asked == {
        "startupProbe": {"path": "/readyz", "port": "metrics"},
        "livenessProbe": {"path": "/healthz", "port": "metrics"},
        "readinessProbe": {"path": "/readyz", "port": "metrics"},
    }


def test_the_least_grace_period_is_what_the_gateway_takes_to_end() -> None:
    """The sleep, the grace period of its own, then the last records and spans."""
    least = at(pod({"terminationGracePeriodSeconds": 3620}), "spec terminationGracePeriodSeconds")

    assert least >= 10 + 3600 + FORWARDER_SLACK_S + OBSERVER_FLUSH_S


# Telemetry.


def test_traces_go_nowhere_by_default() -> None:
    assert {name for name in env() if name.startswith("OTEL_")} == {"OTEL_RESOURCE_ATTRIBUTES"}


def test_traces_go_where_the_values_say() -> None:
    made = env({"otlp": {"endpoint": "http://c.o:4318", "metrics": True}})

    assert made["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://c.o:4318"
    assert made["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert made["OTEL_METRICS_EXPORTER"] == "otlp"


def test_resource_attributes_are_those_of_the_pod_and_of_the_values_percent_encoded() -> None:
    values = {"otlp": {"resourceAttributes": {"deployment.environment.name": "a b,c=$(POD_NAME)"}}}
    pods = (
        "k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME)"
    )
    names = list(env())

    assert env()["OTEL_RESOURCE_ATTRIBUTES"] == pods
    assert env(values)["OTEL_RESOURCE_ATTRIBUTES"] == (
        f"{pods},deployment.environment.name=a%20b%2Cc%3D%24%28POD_NAME%29"
    )
    assert all(names.index(name) < names.index("OTEL_RESOURCE_ATTRIBUTES") for name in re.findall(r"\$\((\w+)\)", pods))


def test_more_variables_come_last() -> None:
    more = [{"name": "OTEL_BSP_SCHEDULE_DELAY", "value": "100"}, {"name": "A", "value": "$(POD_NAME)"}]

    assert container({"extraEnv": more})["env"][-2:] == more


def test_monitors_choose_what_the_release_has() -> None:
    """One Service of two, and the port by its name."""
    monitor = one("ServiceMonitor", {}, [OPERATOR])["spec"]
    chosen = [
        service
        for service in objects()
        if service["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    pods = one("PodMonitor", {"metrics": {"podMonitor": {"enabled": True}}}, [OPERATOR])["spec"]

    assert [service["metadata"]["name"] for service in chosen] == [f"{NAME}-metrics"]
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in chosen[0]["spec"]["ports"]]
    assert monitor["namespaceSelector"] == pods["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    assert pods["selector"]["matchLabels"] == SELECTOR
    assert pods["podMetricsEndpoints"][0]["port"] in [port["name"] for port in container()["ports"]]


# The way in and out.


def test_services_lead_to_the_pods() -> None:
    """Metrics apart from the proxy, also of pods that drain, and with no address of their own."""
    proxy, metrics = one("Service")["spec"], one("Service", name=f"{NAME}-metrics")["spec"]
    ports = {port["name"] for port in container()["ports"]}

    assert proxy["selector"] == metrics["selector"] == SELECTOR
    assert SELECTOR.items() <= pod()["metadata"]["labels"].items()
    assert [port["targetPort"] for port in proxy["ports"]] == ["proxy"]
    assert [port["targetPort"] for port in metrics["ports"]] == ["metrics"]
    assert {"proxy", "metrics"} <= ports
    assert metrics["clusterIP"] == "None"
    assert metrics["publishNotReadyAddresses"] is True


def test_a_network_policy_lets_in_who_may_and_out_where_it_must() -> None:
    clients = [{"podSelector": {"matchLabels": {"llm": "yes"}}}]
    values = {
        "networkPolicy": {
            "enabled": True,
            "clients": clients,
            "metricsNamespaces": ["monitoring"],
            "extraEgress": [{"ports": [{"port": 15012}]}],
        },
        "config": {"upstream": "http://api.example.com:8081/v1"},
        "otlp": {"endpoint": "https://collector.example.com"},
    }
    plain = one("NetworkPolicy", {"networkPolicy": {"enabled": True}})["spec"]
    spec = one("NetworkPolicy", values)["spec"]
    names = [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")]

    assert spec["podSelector"]["matchLabels"] == SELECTOR
    assert plain["ingress"] == [
        {"ports": [{"port": 8080, "protocol": "TCP"}]},
        {"ports": [{"port": 9464, "protocol": "TCP"}]},
    ]
    assert plain["egress"] == [{"ports": names}, {"ports": [{"port": 443, "protocol": "TCP"}]}]
    assert spec["ingress"][0]["from"] == clients
    assert spec["ingress"][1]["from"] == [
        {
            "namespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring"]}]
            }
        }
    ]
    assert [port["port"] for port in spec["egress"][1]["ports"]] == [8081, 443]
    assert spec["egress"][2:] == [{"ports": [{"port": 15012}]}]


def test_an_ingress_lets_streams_pass() -> None:
    tls = [{"secretName": "s", "hosts": ["gw.example.com"]}]
    ingress = {"enabled": True, "hosts": ["gw.example.com", "b.example.com"], "className": "nginx", "tls": tls}
    made = one("Ingress", {"ingress": ingress})
    annotations = made["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io/"

    assert made["spec"]["ingressClassName"] == "nginx"
    assert made["spec"]["tls"] == tls
    assert [rule["host"] for rule in made["spec"]["rules"]] == ingress["hosts"]
    assert at(made, "spec rules 0 http paths 0 backend service") == {"name": NAME, "port": {"name": "http"}}
    assert annotations[f"{prefix}proxy-buffering"] == annotations[f"{prefix}proxy-request-buffering"] == "off"
    assert int(annotations[f"{prefix}proxy-read-timeout"]) >= 3600
    assert (
        "annotations"
        not in one("Ingress", {"ingress": {**ingress, "annotations": dict.fromkeys(annotations)}})["metadata"]
    )


def test_a_route_has_no_timeout() -> None:
    """The data planes' own would cut a stream, after 15 s in the commonest of them."""
    route = {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["gw.example"]}
    spec = one("HTTPRoute", {"httpRoute": route}, [GATEWAY_API])["spec"]

    assert spec["parentRefs"] == route["parentRefs"]
    assert spec["hostnames"] == route["hostnames"]
    assert at(spec, "rules 0 timeouts") == {"request": "0s", "backendRequest": "0s"}
    assert at(spec, "rules 0 backendRefs") == [{"name": NAME, "port": 8080}]


# How many pods, and where.


def test_an_autoscaler_goes_by_what_it_is_told() -> None:
    scaled = {"enabled": True, "minReplicas": 3, "maxReplicas": 9, "activeStreams": 500}
    both = one("HorizontalPodAutoscaler", {"autoscaling": scaled}, [ADAPTER])["spec"]
    cpu = one("HorizontalPodAutoscaler", {"autoscaling": {"enabled": True}})["spec"]
    streams = one("HorizontalPodAutoscaler", {"autoscaling": {**scaled, "cpuPercent": 0}}, [ADAPTER])["spec"]

    assert (both["minReplicas"], both["maxReplicas"]) == (3, 9)
    assert both["scaleTargetRef"]["name"] == NAME
    assert [metric["type"] for metric in cpu["metrics"]] == ["Resource"]
    assert [metric["type"] for metric in streams["metrics"]] == ["Pods"]
    assert both["metrics"] == [*cpu["metrics"], *streams["metrics"]]
    assert at(both, "metrics 1 pods") == {
        "metric": {"name": "interactions_gateway_active_streams"},
        "target": {"type": "AverageValue", "averageValue": "500"},
    }


def test_pods_go_slower_than_they_come() -> None:
    behavior = one("HorizontalPodAutoscaler", {"autoscaling": {"enabled": True}})["spec"]["behavior"]

    assert behavior["scaleUp"]["stabilizationWindowSeconds"] < behavior["scaleDown"]["stabilizationWindowSeconds"]


def test_pods_spread_by_the_release_unless_told_otherwise() -> None:
    own = {"maxSkew": 2, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {}}}
    spread = pod()["spec"]["topologySpreadConstraints"]

    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert all(one["labelSelector"] == {"matchLabels": SELECTOR} for one in spread)
    assert pod({"topologySpreadConstraints": [own]})["spec"]["topologySpreadConstraints"] == [own]


# Names and words.


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, NAME),
        ({"nameOverride": "gw"}, "rel-gw"),
        ({"nameOverride": "rel"}, "rel"),
        ({"fullnameOverride": "gw"}, "gw"),
        ({"fullnameOverride": "x" * 80}, "x" * 52),
    ],
)
def test_names_follow_the_release(values: Values, name: str) -> None:
    named = {one["metadata"]["name"] for one in objects(values, ALL_APIS) if one["kind"] in ALWAYS}

    assert named == {name, f"{name}-metrics"}


def test_a_new_version_of_the_chart_alone_replaces_no_pod() -> None:
    assert "helm.sh/chart" in one("Deployment")["metadata"]["labels"]
    assert "helm.sh/chart" not in pod()["metadata"]["labels"]


@pytest.mark.parametrize(
    ("values", "apis", "words"),
    [
        ({}, [], ["base_url = http://rel-interactions-gateway.prod.svc:8080\n", "nothing tells a Prometheus"]),
        ({"service": {"port": 80}}, [OPERATOR], ["prod.svc:80\n", "a ServiceMonitor is there"]),
        ({"ingress": {"enabled": True, "hosts": ["gw.example"]}}, [], ["base_url = http://gw.example\n"]),
        (
            {"ingress": {"enabled": True, "hosts": ["gw.example"], "tls": [{"secretName": "s"}]}},
            [],
            ["base_url = https://gw.example\n"],
        ),
        ({"metrics": {"podMonitor": {"enabled": True}}}, [OPERATOR], ["a PodMonitor is there"]),
        ({"metrics": {"scrapeAnnotations": True}}, [], ["the pods have prometheus.io/* annotations"]),
        ({"otlp": {"endpoint": "http://c:4318"}}, [], ["Traces: to http://c:4318."]),
        ({"config": {"upstream": "http://sim:80"}}, [], ["forwards to http://sim:80."]),
    ],
)
def test_the_notes_say_what_to_do_next(values: Values, apis: list[str], words: list[str]) -> None:
    notes = rendered(values, apis)["NOTES.txt"]

    assert [word for word in words if word not in notes] == []


def test_dashboards_are_config_maps_that_grafanas_sidecar_finds() -> None:
    """Each with the file as it is, and a name of its own among all namespaces' files."""
    values = {"dashboards": {"enabled": True, "annotations": {"grafana_folder": "LLM"}}}
    files = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "dashboards").glob("*.json")}
    maps = [o for o in objects(values) if o["kind"] == "ConfigMap" and o["metadata"]["name"] != NAME]

    assert files
    assert kinds(values) == ALWAYS
    assert {name: text for one in maps for name, text in one["data"].items()} == {
        f"{NAMESPACE}-{NAME}-{name}": text for name, text in files.items()
    }
    assert {at(one, "metadata labels grafana_dashboard") for one in maps} == {"1"}
    assert {at(one, "metadata annotations grafana_folder") for one in maps} == {"LLM"}
