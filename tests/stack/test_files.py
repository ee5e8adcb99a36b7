"""The files of config/stack: each by its own tool where there is one, else by what it refers to.

A container's tool that can't be installed here (docker compose, Grafana, the collector) is stood in for by structure:
only keys that are known, and no name, port, path or label in one file that another file doesn't have.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.forwarding import command
from tests.stack.configuration import ROOT, RULES, STACK, prometheus_config
from tests.tools.programs import program

SERVICES = {"gateway", "prometheus", "alertmanager", "collector", "tempo", "grafana"}
SERVICE_KEYS = {"build", "image", "command", "environment", "volumes", "ports", "depends_on", "restart"}
SERVICE_KEYS |= {"stop_grace_period", "tmpfs"}
# What each image listens at in its container: by its documentation, or by its configuration here.
PORTS = {"gateway": {8080, 9464}, "prometheus": {9090}, "alertmanager": {9093}, "grafana": {3000}, "collector": {4318}}
PORTS |= {"tempo": {3200, 4317}}
PINNED = re.compile(r"[a-z0-9/-]+:v?\d+\.\d+\.\d+")
SECRET = re.compile(r"password|secret|token|key|credential", re.IGNORECASE)
HOST_AND_PORT = re.compile(r"\b([a-z]+):(\d{4,5})\b")


def read(name: str) -> Any:
    """A file of the stack as values."""
    return yaml.safe_load((STACK / name).read_text(encoding="utf-8"))


def files() -> list[Path]:
    """All of them."""
    return sorted(path for path in STACK.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def compose() -> Any:
    return read("compose.yml")


@pytest.fixture(scope="module")
def datasources() -> Any:
    return read("grafana/provisioning/datasources/datasources.yml")["datasources"]


def test_the_files_are_these() -> None:
    assert {str(path.relative_to(STACK)) for path in files()} == {
        "alertmanager.yml",
        "collector.yml",
        "compose.demo.yml",
        "compose.yml",
        "grafana/provisioning/dashboards/dashboards.yml",
        "grafana/provisioning/datasources/datasources.yml",
        "prometheus.yml",
        "tempo.yml",
    }


def test_promtool_takes_the_configuration_with_all_rules(tmp_path: Path) -> None:
    """Laid out as in the container, where the rules are beside it."""
    (tmp_path / "prometheus.yml").write_bytes((STACK / "prometheus.yml").read_bytes())
    (tmp_path / "rules").symlink_to(RULES)
    done = subprocess.run(
        [program("promtool"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(list(RULES.glob('*.yml')))} rule files found" in done.stdout


def test_amtool_takes_the_configuration() -> None:
    done = subprocess.run(
        [program("amtool"), "check-config", STACK / "alertmanager.yml"], capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_inhibited_is_an_alert_of_the_rules() -> None:
    """Each name in the file is one of config/rules."""
    written = {
        rule["alert"]
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    for rule in read("alertmanager.yml")["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            parts = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher)
            assert parts is not None
            name, sign, wanted = parts.groups()
            if name == "alertname":
                assert [
                    alert for alert in written if re.fullmatch(wanted if sign == "=~" else re.escape(wanted), alert)
                ]


def test_the_stack_without_containers_differs_in_addresses_only() -> None:
    ours, theirs = prometheus_config("g:1", "a:2"), read("prometheus.yml")
    assert ours["scrape_configs"][0].pop("static_configs") == [{"targets": ["g:1"]}]
    assert ours["alerting"]["alertmanagers"][0].pop("static_configs") == [{"targets": ["a:2"]}]
    assert ours.pop("rule_files") == [str(RULES / "*.yml")]
    theirs["scrape_configs"][0].pop("static_configs")
    theirs["alerting"]["alertmanagers"][0].pop("static_configs")
    theirs.pop("rule_files")

    assert ours == theirs


def test_compose_knows_its_keys_and_pins_every_image(compose: Any) -> None:
    assert set(compose) == {"name", "services", "volumes"}
    assert set(compose["services"]) == SERVICES
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("depends_on", [])) <= SERVICES, name
        if "build" in service:
            assert (STACK / service["build"]["context"]).resolve() == STACK.parents[1]
        else:
            assert PINNED.fullmatch(service["image"]), service["image"]


def test_compose_publishes_on_loopback_only(compose: Any) -> None:
    """Each port as host, its own number, and the number in the container, which somebody listens at."""
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == SERVICES - {"collector", "tempo"}
    for name, ports in published.items():
        for port in ports:
            host, outer, inner = port.split(":")
            assert (host, outer) == ("127.0.0.1", inner), port
            assert int(inner) in PORTS[name], port


def test_compose_mounts_what_is_there(compose: Any) -> None:
    """Files and folders of this repository, read-only; and its own volumes, which are declared."""
    named = set()
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert target.endswith(":ro"), volume
                assert (STACK / source).exists(), volume
            else:
                named.add(source)
    assert named == set(compose["volumes"])


def test_compose_holds_no_secret(compose: Any) -> None:
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert not SECRET.search(name) or name == "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION", name


def test_the_gateway_takes_what_compose_sets(compose: Any) -> None:
    """By the gateway itself; the upstream is the API where nobody names another."""
    environment = compose["services"]["gateway"]["environment"]
    ours = {name: value for name, value in environment.items() if name != "INTERACTIONS_GATEWAY_UPSTREAM"}
    done = subprocess.run(
        [command(), "check-config"],
        env={"PATH": os.environ["PATH"], **ours},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stderr
    upstream = re.search(r'upstream\W+(https?://[^"\s]+)', done.stdout)
    assert upstream is not None, done.stdout
    assert environment["INTERACTIONS_GATEWAY_UPSTREAM"] == f"${{UPSTREAM:-{upstream[1]}}}"
    assert (environment["INTERACTIONS_GATEWAY_LISTEN"], environment["INTERACTIONS_GATEWAY_ADMIN"]) == (":8080", ":9464")


def test_the_demo_replaces_the_gateways_command_only() -> None:
    demo = read("compose.demo.yml")
    assert demo == {"services": {"gateway": {"command": ["demo", "--listen", ":8080", "--admin", ":9464"]}}}


def test_every_address_between_containers_is_one_of_a_service() -> None:
    """host:port anywhere in a file: the host is a service, which listens there."""
    found = {
        (host, int(port))
        for path in files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith(("#", "image:"))
        for host, port in HOST_AND_PORT.findall(line)
    }
    assert found == {
        ("gateway", 9464),
        ("prometheus", 9090),
        ("alertmanager", 9093),
        ("collector", 4318),
        ("tempo", 3200),
        ("tempo", 4317),
    }
    assert all(port in PORTS[host] for host, port in found)


def test_the_collector_uses_what_it_defines(compose: Any) -> None:
    """Every component stands in a pipeline and every pipeline has its components; the memory limiter comes first."""
    collector = read("collector.yml")
    assert set(collector) == {"receivers", "processors", "exporters", "service"}
    (pipeline,) = collector["service"]["pipelines"].values()
    assert set(collector["service"]["pipelines"]) == {"traces"}
    for kind in ("receivers", "processors", "exporters"):
        assert set(collector[kind]) == set(pipeline[kind]), kind
    assert pipeline["processors"][0] == "memory_limiter"
    listens = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    sends = urlsplit(compose["services"]["gateway"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert (sends.hostname, listens) == ("collector", f"0.0.0.0:{sends.port}")


def test_the_trace_store_takes_what_the_collector_sends(datasources: Any) -> None:
    """Where each says so; what it keeps lies where it may write; it tells nobody that it runs."""
    tempo = read("tempo.yml")
    assert set(tempo) == {"server", "distributor", "compactor", "storage", "usage_report"}
    sends = urlsplit("//" + read("collector.yml")["exporters"]["otlp"]["endpoint"])
    listens = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert (sends.hostname, listens) == ("tempo", f"0.0.0.0:{sends.port}")
    (asked,) = [urlsplit(source["url"]) for source in datasources if source["type"] == "tempo"]
    assert (asked.hostname, asked.port) == ("tempo", tempo["server"]["http_listen_port"])
    trace = tempo["storage"]["trace"]
    written = [trace["wal"]["path"], trace["local"]["path"]]
    assert all(
        path.startswith(f"{mount}/") for path in written for mount in read("compose.yml")["services"]["tempo"]["tmpfs"]
    )
    assert tempo["usage_report"] == {"reporting_enabled": False}


def test_grafana_finds_data_traces_and_dashboards(compose: Any, datasources: Any) -> None:
    """One default source of figures, whose exemplars lead to the traces; the dashboards are where it looks."""
    by_uid = {source["uid"]: source for source in datasources}
    assert len(by_uid) == len(datasources)
    assert {uid: source["type"] for uid, source in by_uid.items()} == {
        "prometheus": "prometheus",
        "traces": "tempo",
        "alertmanager": "alertmanager",
    }
    assert [uid for uid, source in by_uid.items() if source.get("isDefault")] == ["prometheus"]
    prometheus = by_uid["prometheus"]["jsonData"]
    assert prometheus["exemplarTraceIdDestinations"] == [{"name": "trace_id", "datasourceUid": "traces"}]
    assert prometheus["timeInterval"] == read("prometheus.yml")["global"]["scrape_interval"]

    (provider,) = read("grafana/provisioning/dashboards/dashboards.yml")["providers"]
    mounts = {
        target.removesuffix(":ro"): source
        for source, _, target in (volume.partition(":") for volume in compose["services"]["grafana"]["volumes"])
    }
    assert mounts[provider["options"]["path"]] == "../../dashboards/json"
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "dashboards" / "json").glob("*.json")]
    asked = {one["query"] for board in boards for one in board["templating"]["list"] if one["type"] == "datasource"}
    assert asked == {"prometheus", "tempo"}
    assert mounts["/etc/grafana/provisioning"] == "./grafana/provisioning"
