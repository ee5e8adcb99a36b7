"""/metrics as its readers see it: promtool, the OpenMetrics parser, and a Prometheus that scrapes it.

Not here: whether the numbers are true (tests/exact).
"""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.simulator.catalogue import scenarios
from tests.e2e.raw import DEADLINE_S, Client
from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.otlp_receiver import OtlpReceiver
from tests.prometheus_process import READY_S, prometheus
from tests.tools.programs import program

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FAULTS = ("", "gzip", "cut-after=3", "end-after=3", "no-head")
HISTOGRAMS = ("time_to_first_delta_seconds_bucket", "request_duration_seconds_bucket")
TRACE_ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    """Where the gateway's traces go."""
    with OtlpReceiver() as running:
        yield running


@pytest.fixture(scope="module")
def served(simulator: SimulatorProcess, receiver: OtlpReceiver) -> Iterator[GatewayProcess]:
    """A gateway that has served every scenario, also broken ones, polls, refusals and other routes."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with GatewayProcess(simulator.url, env=environment) as gateway:
        count = 0
        for fault in FAULTS:
            for name in scenarios():
                with Client(gateway.url) as client:
                    client.ask(headers={"x-simulator-scenario": name, "x-simulator-fault": fault})
                    if (head := client.read_head()) is not None:
                        client.read_body(head, until_close=True)
                count += 1
        with Client(gateway.url) as client:
            for method, target in (
                ("GET", "/v1beta/interactions/v1_Nobody"),
                ("DELETE", "/v1beta/interactions/v1_Nobody"),
                ("POST", "/v1beta/interactions/v1_Nobody/cancel"),
                ("POST", "/v1beta/models/m:generateContent"),
            ):
                client.ask(target, b"{}" if method == "POST" else None, method=method)
                assert client.answer().status in {200, 404}
                count += 1
            client.send(b"nonsense\r\n\r\n")
            client.left()
        gateway.settled(count + 1, 30.0)
        yield gateway


def test_promtool_has_nothing_to_say(served: GatewayProcess) -> None:
    """The classic text: every family has help, units and suffixes as Prometheus wants them."""
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=served.metrics_text(),
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_openmetrics_text_parses_and_says_the_same(served: GatewayProcess) -> None:
    """The official parser takes it, and its samples are the classic text's; exemplars hold trace and span."""
    text = served.metrics_text(OPENMETRICS)
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    exemplars: list[dict[str, str]] = []
    families: Iterable[Metric] = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    for family in families:
        for sample in family.samples:
            name = sample.name.removeprefix("interactions_gateway_")
            samples[name, frozenset(_canonical(sample.labels).items())] = sample.value
            if sample.exemplar is not None:
                exemplars.append(sample.exemplar.labels)

    classic = {
        (name, frozenset(_canonical(dict(labels)).items())): value
        for (name, labels), value in served.scrape().samples.items()
        if not name.startswith(("process_", "python_", "scrape_"))
    }
    assert text.endswith("# EOF\n")
    assert classic.keys() - samples.keys() == set()
    own = {key: value for key, value in classic.items() if _is_settled(key[0])}
    assert {key: samples[key] for key in own} == own
    assert len(exemplars) > 10
    assert all(set(labels) == {"trace_id", "span_id"} for labels in exemplars)
    assert all(TRACE_ID.fullmatch(labels["trace_id"]) for labels in exemplars)


def _canonical(labels: dict[str, str]) -> dict[str, str]:
    # the two formats write a bucket's bound differently: 1 and 1.0
    return {name: str(float(value)) if name == "le" else value for name, value in labels.items()}


def _is_settled(name: str) -> bool:
    """Whether a sample stands still while nothing is served."""
    return name.startswith(("requests_", "tokens_", "steps_", "errors_", "exchanges_", "unknown_", "invalid_"))


def test_the_format_is_the_scrapers_choice(served: GatewayProcess) -> None:
    """OpenMetrics only for who asks for it."""
    kinds = {}
    for accept in (OPENMETRICS, "text/plain;version=0.0.4", "*/*"):
        request = urllib.request.Request(served.admin_url + "/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            kinds[accept] = answer.headers["Content-Type"].partition(";")[0]

    assert list(kinds.values()) == ["application/openmetrics-text", "text/plain", "text/plain"]


def test_a_prometheus_scrapes_it_and_finds_the_traces_by_exemplars(
    served: GatewayProcess, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    """The target is up, the values are those of the page, and each exemplar's trace was exported."""
    began_s = time.time() - 600
    target = {"job_name": "gateway", "static_configs": [{"targets": [served.admin_url.removeprefix("http://")]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}
    with prometheus(config, tmp_path) as api:
        wait_until(lambda: api.query('up{job="gateway"} == 1'), READY_S, "the scrape")
        (total,) = api.query("sum(interactions_gateway_requests_total)")
        (scraped,) = api.targets()
        end = str(time.time() + 60)
        found: dict[str, set[str]] = {}
        for name in (*HISTOGRAMS, "errors_total"):
            query = {"query": f"interactions_gateway_{name}", "start": str(began_s), "end": end}
            ask = partial(api.get, "/api/v1/query_exemplars", **query)
            series = wait_until(ask, DEADLINE_S, f"exemplars of {name}")
            found[name] = {exemplar["labels"]["trace_id"] for one in series for exemplar in one["exemplars"]}

    assert total.value == served.scrape().total("requests_total")
    assert (scraped["health"], scraped["lastError"]) == ("up", "")
    wanted = set().union(*found.values())
    exported = {span.trace_id for span in receiver.wait_for(lambda spans: wanted <= {span.trace_id for span in spans})}
    assert wanted <= exported
    assert len(wanted) > 10
