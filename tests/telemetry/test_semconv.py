"""The second set of metrics against the SDK: the same measurements, through its meters and its Prometheus exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import gateway
from gateway.config import LabelSettings, MetricSettings, Settings
from gateway.telemetry import names
from gateway.telemetry.catalogue import Family, Kind
from gateway.telemetry.resource import resource
from gateway.wire.facts import Basis, Gaps, Mode
from gateway.wire.outcome import Outcome, Route
from tests.telemetry.factories import AGENT, MODEL, MS, RECENT, Bench, create, opened, poll, usage

Mode_ = Literal["v1_41", "latest", "both"]

PROVIDER = "gcp.gemini"
CALL = {"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": PROVIDER, "gen_ai.request.model": MODEL}
RUN = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": PROVIDER, "gen_ai.request.model": AGENT}
FETCH = {"gen_ai.operation.name": "fetch_response", "gen_ai.provider.name": PROVIDER}
POST = {"http.request.method": "POST", "url.scheme": "http", "http.route": "/v1beta/interactions"}
GET = {"http.request.method": "GET", "url.scheme": "http", "http.route": "/v1beta/interactions/{id}"}
OWN = ("interactions_gateway_",)

METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"}


@dataclass
class Meters:
    """The same families made by the SDK. Values go to an instrument by its dotted name."""

    mode: Mode_
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        families = names.SEMCONV_FAMILIES[self.mode]
        views = [
            View(instrument_name=family.dotted, aggregation=ExplicitBucketHistogramAggregation(family.bounds))
            for family in families
            if family.bounds
        ]
        provider = MeterProvider(
            [PrometheusMetricReader(registry=self.registry)], resource=resource(), views=views, shutdown_on_exit=False
        )
        self._instruments = {family.dotted: self._instrument(provider, family) for family in families}

    @staticmethod
    def _instrument(provider: MeterProvider, family: Family) -> Any:
        meter = provider.get_meter(names.SCOPE, gateway.__version__, family.schema_url)
        made: dict[Kind, Callable[[str, str, str], Any]] = {
            Kind.COUNTER: meter.create_counter,
            Kind.HISTOGRAM: meter.create_histogram,
            Kind.UP_DOWN: meter.create_up_down_counter,
        }
        return made[family.kind](family.dotted, family.unit, family.help)

    def note(self, dotted: str, value: float, *attributes: dict[str, Any]) -> None:
        """Measure once, where the family is of this mode."""
        instrument = self._instruments.get(dotted)
        if instrument is not None:
            together = {name: value for part in attributes for name, value in part.items()}
            (instrument.record if hasattr(instrument, "record") else instrument.add)(value, together)

    def call(self, seconds: float, what: dict[str, Any], error: str | None = None) -> None:
        """A call's duration, under the name that its operation has in either revision."""
        failed = {} if error is None else {"error.type": error}
        if what["gen_ai.operation.name"] == "generate_content":
            self.note("gen_ai.client.inference.duration", seconds, what, failed)
        is_earlier = self.mode != "latest" and what["gen_ai.operation.name"] != "fetch_response"
        is_latest = self.mode != "v1_41" and what["gen_ai.operation.name"] != "generate_content"
        if is_earlier or is_latest:
            self.note("gen_ai.client.operation.duration", seconds, what, failed)

    def tokens(self, what: dict[str, Any], kind: str, **counts: int) -> None:
        """Tokens by modality of a kind."""
        for modality, count in counts.items():
            self.note(f"gen_ai.client.inference.usage.{kind}_tokens", count, what, {"gen_ai.token.modality": modality})

    def untold(self, what: dict[str, Any]) -> None:
        """A call that stated no tokens."""
        for kind in ("input", "output", "cache_read.input", "reasoning.output"):
            self.tokens(what, kind, unknown=0)

    def sizes(self, what: dict[str, Any], tokens_in: int, tokens_out: int, error: str | None = None) -> None:
        """The sizes of a call."""
        failed = {} if error is None else {"error.type": error}
        self.note("gen_ai.client.inference.operation.input_tokens", tokens_in, what, failed)
        self.note("gen_ai.client.inference.operation.output_tokens", tokens_out, what, failed)

    def used(self, what: dict[str, Any], tokens_in: int, tokens_out: int) -> None:
        """A usage that is counted, as 1.41 has it."""
        for type_, tokens in (("input", tokens_in), ("output", tokens_out)):
            self.note("gen_ai.client.token.usage", tokens, what, {"gen_ai.token.type": type_})

    def http(self, seconds: float, what: dict[str, Any], status: int, **more: Any) -> None:
        """A request to us."""
        error = {name.replace("_", "."): value for name, value in more.items()}
        self.note("http.server.request.duration", seconds, what, {"http.response.status_code": status}, error)


def measured(mode: Mode_) -> tuple[Bench, Meters]:
    """Some exchanges, by the gateway and, figure by figure, by the SDK."""
    bench = Bench(Settings(metrics=MetricSettings(semconv=mode), labels=LabelSettings(models=("gemini-*", AGENT))))
    meters = Meters(mode)
    _stream(bench, meters)
    _failures(bench, meters)
    _background(bench, meters)
    for method in METHODS - {"POST"}:
        meters.note("http.server.active_requests", 0, {"http.request.method": method, "url.scheme": "http"})
    bench.apply(opened("open"))
    bench.session.open["open"].opened.method = "POST"
    meters.note("http.server.active_requests", 1, {"http.request.method": "POST", "url.scheme": "http"})
    return bench, meters


def _stream(bench: Bench, meters: Meters) -> None:
    """One with everything: gaps, thoughts, cached tokens, tool use, modalities, and more than its parts."""
    gaps = Gaps(sum_ns=70 * MS, max_ns=60 * MS)
    gaps.counts[3], gaps.counts[6] = 1, 1  # 10 ms and 60 ms
    stated = usage(
        120,
        input=40,
        output=30,
        thought=5,
        tool_use=15,
        cached=8,
        by_modality={"input": {"text": 20, "video": 12, "smell": 3}, "output": {"text": 26, "image": 4}},
    )
    bench.apply(create(usage=stated, stream_gaps=gaps, stream_first_event_ns=302 * MS, times_end_ns=2502 * MS))
    meters.call(2.5, CALL)
    for revision in ("inference", "operation"):
        meters.note(f"gen_ai.client.{revision}.time_to_first_chunk", 0.3, CALL)
        meters.note(f"gen_ai.client.{revision}.time_per_output_chunk", 0.01, CALL)
        meters.note(f"gen_ai.client.{revision}.time_per_output_chunk", 0.06, CALL)
    meters.tokens(CALL, "input", text=20, video=12, unknown=8 + 15)
    meters.tokens(CALL, "output", text=26, image=4, unknown=5)
    meters.tokens(CALL, "cache_read.input", unknown=8)
    meters.tokens(CALL, "reasoning.output", unknown=5)
    meters.sizes(CALL, 55, 35)
    meters.used(CALL, 55, 35)
    meters.http(2.502, POST, 200)


def _failures(bench: Bench, meters: Meters) -> None:
    """Failed calls touch the instruments of tokens with 0; a refusal of ours is no call at all."""
    bench.apply(create(Outcome.HTTP_ERROR, http_status=429, interaction_id=None))
    meters.call(0.998, CALL, "429")
    meters.untold(CALL)
    meters.sizes(CALL, 0, 0, "429")
    meters.http(1.0, POST, 429)

    running = usage(9, input=7, output=2)
    bench.apply(create(Outcome.TRUNCATED, interaction_id="v1_cut", usage=running, basis=Basis.RUNNING))
    meters.call(0.998, CALL, "truncated")
    meters.tokens(CALL, "input", unknown=7)
    meters.tokens(CALL, "output", unknown=2)
    meters.tokens(CALL, "cache_read.input", unknown=0)
    meters.tokens(CALL, "reasoning.output", unknown=0)
    meters.sizes(CALL, 7, 2, "truncated")
    meters.used(CALL, 7, 2)
    meters.http(1.0, POST, 200, error_type="truncated")

    # A poll brings the rest: its tokens count, its size was told.
    final = usage(19, input=7, output=12)
    bench.apply(poll(interaction_id="v1_cut", usage=final))
    meters.call(0.998, FETCH)
    meters.tokens(CALL, "output", unknown=10)
    for kind in ("input", "cache_read.input", "reasoning.output"):
        meters.tokens(CALL, kind, unknown=0)
    meters.used(CALL, 0, 10)
    meters.http(1.0, GET, 200)

    bench.apply(create(Outcome.REJECTED, http_status=None, sent_status=503, code="max_streams", interaction_id=None))
    meters.http(1.0, POST, 503)
    odd = {"http.request.method": "_OTHER", "url.scheme": "http"}
    bench.apply(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, method="BREW", target="/v1beta/models", interaction_id=None)
    )
    meters.http(1.0, odd, 200)


def _background(bench: Bench, meters: Meters) -> None:
    """An agent's run: created without tokens, which a later poll brings to the operation that spent them."""
    background = {"request_agent": AGENT, "interaction_id": "v1_run", "mode": Mode.BACKGROUND}
    bench.apply(create(Outcome.IN_PROGRESS, **background))
    meters.call(0.998, RUN)
    meters.untold(RUN)
    meters.http(1.0, POST, 200)

    stated = usage(30, input=20, output=10)
    found: dict[str, Any] = {"interaction_id": "v1_run", "interaction_model": None, "interaction_agent": AGENT}
    for _ in range(2):
        bench.apply(poll(usage=stated, interaction_updated=RECENT, **found))
        meters.call(0.998, FETCH)
        meters.http(1.0, GET, 200)
    meters.tokens(RUN, "input", unknown=20)
    meters.tokens(RUN, "output", unknown=10)
    meters.tokens(RUN, "cache_read.input", unknown=0)
    meters.tokens(RUN, "reasoning.output", unknown=0)
    meters.sizes(RUN, 20, 10)
    meters.used(RUN, 20, 10)


def comparable(text: str) -> dict[str, Any]:
    """The families of a classic text that aren't our own: type, help, and every sample."""
    return {
        family.name: (family.type, family.documentation, dict(_samples(family)))
        for family in text_string_to_metric_families(text)
        if not family.name.startswith(OWN)
    }


def _samples(family: Metric) -> Iterator[tuple[Any, Any]]:
    for sample in family.samples:
        labels = dict(sample.labels)
        if "le" in labels:
            labels["le"] = repr(float(labels["le"]))
        # The SDK leaves out a label that none of a family's samples has; an empty one is the same to Prometheus.
        place = sample.name, tuple(sorted((name, value) for name, value in labels.items() if value))
        yield place, pytest.approx(sample.value, rel=1e-9)


@pytest.mark.parametrize("mode", ["v1_41", "latest", "both"])
def test_the_same_measurements_give_what_the_sdk_gives(mode: Mode_) -> None:
    bench, meters = measured(mode)
    ours, _ = bench.telemetry.render("text/plain")
    found, wanted = comparable(ours.decode()), comparable(generate_latest(meters.registry).decode())

    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name] == wanted[name], name


def test_it_is_off_unless_asked_for() -> None:
    bench = Bench()
    bench.apply(create(usage=usage(9, input=7, output=2)))
    text, _ = bench.telemetry.render("text/plain")

    assert comparable(text.decode()) == {}


def test_the_newer_text_holds_the_same() -> None:
    """Read by the official parser of OpenMetrics; the resource is an info there."""
    bench, _ = measured("both")
    families = bench.families()
    info = families["target"]

    assert info.type == "info"
    assert info.samples[0].labels["service_name"] == "interactions-gateway"
    assert families["gen_ai_client_inference_usage_input_tokens"].type == "counter"
    assert families["http_server_active_requests"].type == "gauge"


def test_labels_are_of_closed_sets_whatever_clients_send() -> None:
    """Names of models as in our own set; routes and methods that nobody accepted have no name."""
    bench = Bench(Settings(metrics=MetricSettings(semconv="both"), labels=LabelSettings(max_models=2)))
    for number in range(200):
        bench.apply(
            create(
                exchange_id=str(number),
                interaction_id=f"v1_{number}",
                request_model=f"gemini-{number}",
                method="POST" if number % 2 else f"POST{number}",
                target=f"/p{number}/interactions",
            ),
            create(
                Outcome.HTTP_ERROR,
                http_status=404,
                interaction_id=None,
                request_model=f"made-up-{number}",
                target=f"/q{number}/interactions",
            ),
        )
    values = _values(bench, ("gen_ai_request_model", "http_route", "http_request_method"))

    assert values["gen_ai_request_model"] == {"gemini-0", "gemini-1", "other"}
    assert values["http_request_method"] == METHODS
    assert values["http_route"] == {"", *(f"/p{number}/interactions" for number in range(24))}
    assert bench.value("label_overflow_total", label="route") == 200 + 200 - 24


def _values(bench: Bench, labels: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {label: set() for label in labels}
    for family in bench.families().values():
        for sample in family.samples:
            for label in labels:
                if label in sample.labels and not sample.name.startswith(OWN):
                    found[label].add(sample.labels[label])
    return found


def test_the_resource_is_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "a.b=1,a_b=2,9x=3,k8s.pod.name=p-1")
    bench = Bench(Settings(metrics=MetricSettings(semconv="latest")))
    told = bench.families()["target"].samples[0].labels

    assert {name: told[name] for name in ("service_name", "a_b", "_x", "k8s_pod_name")} == {
        "service_name": "edge",
        "a_b": "2",
        "_x": "3",
        "k8s_pod_name": "p-1",
    }
