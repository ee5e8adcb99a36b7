"""Every value set on three versions of Kubernetes: real Helm renders it, and Kubernetes takes each object.

The table of what was proven is written to .cache/helm-validation.md.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from helm.values import CHART
from tests.helm.render import Object, lint
from tests.helm.security import CONTAINER_RULES, OWN_RULES, POD_RULES, broken_rules, effective
from tests.helm.validation import builtin_problem, custom_problems, is_custom
from tests.helm.value_sets import ALL_APIS, FOLDER, KUBE_VERSIONS, SETS, ValueSet
from tests.tools.programs import program

TABLE = Path(__file__).parents[2] / ".cache" / "helm-validation.md"
EITHER = pytest.mark.parametrize("knows_all", [True, False], ids=["all APIs", "needed APIs"])
EACH_SET = pytest.mark.parametrize("chosen", SETS.values(), ids=lambda one: one.name)


def pods(objects: list[Object]) -> list[Object]:
    """The pod specs of all objects that make pods."""
    return [one["spec"]["template"]["spec"] for one in objects if one["kind"] in ("Deployment", "Job")]


def test_the_table_names_every_file_of_values() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(SETS)
    assert len(SETS) >= 15


@EACH_SET
def test_lint_has_nothing_to_say(chosen: ValueSet) -> None:
    for version in KUBE_VERSIONS:
        assert lint(CHART, _without_apis(chosen.values), kube_version=f"v{version}.0") == []


@EITHER
@pytest.mark.parametrize("version", KUBE_VERSIONS)
@EACH_SET
def test_kubernetes_takes_every_object(chosen: ValueSet, version: str, knows_all: bool) -> None:
    rendered = chosen.rendered(version, knows_all=knows_all)
    objects = rendered.objects
    problems = {
        document.name: problem
        for document in rendered.documents
        if not is_custom(document.content)
        if (problem := builtin_problem(document.content, version))
    }

    assert {one["kind"] for one in objects} == chosen.bare | (chosen.more if knows_all else frozenset())
    assert problems == {}
    assert rendered.notes.strip()


def test_custom_resources_say_what_their_definitions_know(tmp_path: Path) -> None:
    """Values and keys, of all value sets on all versions; the same object once."""
    found = {}
    for chosen in SETS.values():
        for version in KUBE_VERSIONS:
            for document in filter(is_custom, chosen.rendered(version, knows_all=True).objects):
                found[json.dumps(document, sort_keys=True)] = document
    named = {f"{one['kind']} {number}": one for number, one in enumerate(found.values())}

    assert {name.split()[0] for name in named} >= {"ServiceMonitor", "PodMonitor", "HTTPRoute"}
    assert custom_problems(named, tmp_path) == {}


@EACH_SET
def test_pods_are_restricted(chosen: ValueSet) -> None:
    for pod in pods(chosen.rendered(KUBE_VERSIONS[-1], knows_all=True).objects):
        assert broken_rules(pod) == set()


def test_containers_of_the_chart_keep_more_than_is_asked() -> None:
    for pod in pods(SETS["default"].rendered(KUBE_VERSIONS[-1], knows_all=True).objects):
        for one in effective(pod):
            assert {name for name, holds in OWN_RULES.items() if not holds(one)} == set()


# The checks themselves are seen to find something.


def _of(name: str, kind: str) -> Object:
    found = SETS[name].rendered("1.33", knows_all=True).of_kind(kind)[0]
    return copy.deepcopy(found)


def _without_apis(values: dict[str, Any]) -> dict[str, Any]:
    """lint can't be told what a cluster knows, so what needs it is left out."""
    changed = copy.deepcopy(values)
    changed.get("autoscaling", {}).pop("activeStreams", None)
    if changed.get("autoscaling", {}).get("cpuPercent") == 0:
        changed["autoscaling"].pop("cpuPercent")
    for path in (("httpRoute",), ("prometheusRule",), ("metrics", "serviceMonitor"), ("metrics", "podMonitor")):
        at = changed
        for key in path:
            at = at.get(key) or {}
        if at.get("enabled") is True:
            at["enabled"] = False
    return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda one: one["spec"].update(replica=2), "replica", id="an unknown key"),
        pytest.param(lambda one: one["spec"].update(replicas="two"), "two", id="a wrong type"),
        pytest.param(lambda one: one["spec"].pop("selector"), "selector", id="a key that is missing"),
    ],
)
def test_wrong_built_in_objects_are_found(change: Callable[[Object], object], words: str) -> None:
    deployment = _of("default", "Deployment")
    change(deployment)

    assert words in str(builtin_problem(deployment, "1.33"))


def test_a_kind_without_a_schema_is_an_error() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        builtin_problem({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "a"}}, "1.33")


def test_wrong_custom_resources_are_found(tmp_path: Path) -> None:
    monitor, route, pod_monitor = (
        _of("operator", "ServiceMonitor"),
        _of("gateway-api", "HTTPRoute"),
        _of("pod-monitor", "PodMonitor"),
    )
    monitor["spec"]["endpoints"][0]["interval"] = "often"
    route["spec"]["rules"][0]["backendRefs"][0]["prt"] = 80
    pod_monitor["spec"]["podMetricsEndpoints"][0]["honourLabels"] = True
    good = _of("operator", "ServiceMonitor")
    problems = custom_problems({"m": monitor, "r": route, "p": pod_monitor, "good": good}, tmp_path)

    assert problems.keys() == {"m", "r", "p"}
    assert "interval" in problems["m"][0]
    assert '"prt"' in problems["r"][0]
    assert "honourLabels" in problems["p"][0]


def _container(change: dict[str, Any]) -> Callable[[Object], object]:
    return lambda pod: pod["containers"][0]["securityContext"].update(change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda pod: pod.update(hostNetwork=True), "pod: no namespaces of the host"),
        (lambda pod: pod["volumes"].append({"name": "a", "hostPath": {}}), "pod: volumes of allowed kinds only"),
        (lambda pod: pod["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}]), "pod: safe sysctls only"),
        (lambda pod: pod["securityContext"].update(windowsOptions={"hostProcess": True}), "pod: no host process"),
        (_container({"privileged": True}), "gateway: not privileged"),
        (_container({"allowPrivilegeEscalation": None}), "gateway: no escalation"),
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "gateway: not root"),
        (_container({"runAsUser": 0}), "gateway: no root user"),
        (_container({"capabilities": {"drop": ["NET_RAW"]}}), "gateway: all capabilities dropped"),
        (_container({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}), "gateway: no capability added"),
        (_container({"seccompProfile": {"type": "Unconfined"}}), "gateway: seccomp"),
        (_container({"appArmorProfile": {"type": "Unconfined"}}), "gateway: apparmor"),
        (_container({"seLinuxOptions": {"type": "spc_t"}}), "gateway: selinux"),
        (_container({"procMount": "Unmasked"}), "gateway: proc is masked"),
        (lambda pod: pod["containers"][0]["ports"][0].update(hostPort=80), "gateway: no port of the host"),
    ],
)  # fmt: skip
def test_each_rule_of_pod_security_is_seen_to_break(change: Callable[[Object], object], rule: str) -> None:
    pod = _of("default", "Deployment")["spec"]["template"]["spec"]
    change(pod)

    assert broken_rules(pod) == {rule}


def test_a_container_before_the_others_is_looked_at_too() -> None:
    pod = _of("default", "Deployment")["spec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "early", "restartPolicy": "Always"}]

    assert broken_rules(pod) == {"early: no escalation", "early: all capabilities dropped"}
    assert len(POD_RULES) + len(CONTAINER_RULES) == 15


def test_the_table_of_what_was_proven_is_written() -> None:
    """Objects of each value set and version, all of them taken; the closing note shows it."""
    lines = [f"| value set | {' | '.join(KUBE_VERSIONS)} |", "|---|" + "---|" * len(KUBE_VERSIONS)]
    for chosen in SETS.values():
        cells = []
        for version in KUBE_VERSIONS:
            both = [chosen.rendered(version, knows_all=knows_all).objects for knows_all in (False, True)]
            wrong = [one for found in both for one in found if not is_custom(one) and builtin_problem(one, version)]
            cells.append(f"{len(both[0])} and {len(both[1])} objects" + (f", {len(wrong)} refused" if wrong else ""))
        lines.append(f"| {chosen.name} | {' | '.join(cells)} |")
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert "refused" not in TABLE.read_text(encoding="utf-8")
    assert len(ALL_APIS) == 3


def test_prometheus_takes_the_rules_of_every_value_set(tmp_path: Path) -> None:
    """As rendered, by promtool; the same specs once."""
    specs = {}
    for chosen in SETS.values():
        for one in chosen.rendered(KUBE_VERSIONS[0], knows_all=True).of_kind("PrometheusRule"):
            specs[json.dumps(one["spec"], sort_keys=True)] = one["metadata"]["name"]
    for number, text in enumerate(specs):
        (tmp_path / f"{number}.yml").write_text(text, encoding="utf-8")
    files = sorted(map(str, tmp_path.glob("*.yml")))
    done = subprocess.run(
        [program("promtool"), "check", "rules", "--lint-fatal", *files], capture_output=True, text=True, timeout=60
    )

    assert len(specs) > 5
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(files)
