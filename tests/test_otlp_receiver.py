"""The receiver that other tests lean on takes what an SDK sends, and refuses what and when it is told to."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.otlp_metrics import CUMULATIVE, samples
from tests.otlp_receiver import Link, OtlpReceiver, receiving


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """A receiver of the test's own."""
    with receiving() as running:
        yield running


def an_export() -> bytes:
    """One span with all that a span can have."""
    export = ExportTraceServiceRequest()
    of_resource = export.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "a"
    span = of_resource.scope_spans.add().spans.add(
        name="n", kind=3, trace_id=b"\1" * 16, span_id=b"\2" * 8, parent_span_id=b"\3" * 8
    )
    span.start_time_unix_nano, span.end_time_unix_nano = 5, 7
    span.status.code = 2
    span.attributes.add(key="count").value.int_value = 4
    span.attributes.add(key="words").value.array_value.values.add().string_value = "w"
    span.links.add(trace_id=b"\4" * 16, span_id=b"\5" * 8).attributes.add(key="l").value.bool_value = True
    return bytes(export.SerializeToString())


def an_export_of_metrics() -> ExportMetricsServiceRequest:
    """A counter and a histogram."""
    export = ExportMetricsServiceRequest()
    of_resource = export.resource_metrics.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "a"
    of_scope = of_resource.scope_metrics.add(schema_url="https://s")
    of_scope.scope.name, of_scope.scope.version = "scope", "1"
    counter = of_scope.metrics.add(name="a.count", unit="{thing}").sum
    counter.is_monotonic, counter.aggregation_temporality = True, CUMULATIVE
    counter.data_points.add(as_int=4, start_time_unix_nano=5, time_unix_nano=7)
    wait = of_scope.metrics.add(name="a.wait", unit="s").histogram
    wait.aggregation_temporality = CUMULATIVE
    point = wait.data_points.add(count=3, sum=1.5, explicit_bounds=[0.25, 1], bucket_counts=[1, 2, 0])
    point.attributes.add(key="a.b").value.string_value = "x"
    point.exemplars.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, as_double=0.5)
    return export


def send(receiver: OtlpReceiver, body: bytes, path: str = "/v1/traces", **headers: str) -> int:
    """The status that a POST gets."""
    headers = {"Content-Type": "application/x-protobuf"} | {k.replace("_", "-"): v for k, v in headers.items()}
    request = urllib.request.Request(receiver.endpoint + path, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_span_arrives_with_everything_that_it_has(receiver: OtlpReceiver, packed: bool) -> None:
    """Ids, times, status, attributes of every kind, links and resource."""
    body = gzip.compress(an_export()) if packed else an_export()

    assert send(receiver, body, **({"Content_Encoding": "gzip"} if packed else {})) == 200
    (span,) = receiver.wait_for(lambda spans: len(spans) == 1)
    assert (span.name, span.kind, span.status, span.start_ns, span.end_ns) == ("n", "CLIENT", "ERROR", 5, 7)
    assert (span.trace_id, span.span_id, span.parent_id) == ("01" * 16, "02" * 8, "03" * 8)
    assert span.attributes == {"count": 4, "words": ("w",)}
    assert span.links == (Link("04" * 16, "05" * 8, {"l": True}),)
    assert span.resource == {"service.name": "a"}


def test_it_is_unavailable_for_as_long_as_it_is_told(receiver: OtlpReceiver) -> None:
    """Refused exports are noted as requests, and nothing of them is taken."""
    receiver.refuse(503, times=2)

    assert [send(receiver, an_export()) for _ in range(3)] == [503, 503, 200]
    assert [request.status for request in receiver.requests] == [503, 503, 200]
    assert len(receiver.spans) == 1
    receiver.refuse(500)
    assert [send(receiver, an_export()) for _ in range(2)] == [500, 500]
    receiver.accept()
    assert send(receiver, an_export()) == 200


def test_what_is_no_export_is_refused(receiver: OtlpReceiver) -> None:
    """Another path, another type, bytes that don't parse."""
    assert send(receiver, an_export(), "/v1/profiles") == 404
    assert send(receiver, an_export(), Content_Type="application/json") == 415
    assert send(receiver, b"\xff\xff") == 400
    assert receiver.spans == []


def test_metrics_arrive_as_points_and_are_samples_to_prometheus(receiver: OtlpReceiver) -> None:
    """Names get their unit and `_total`, buckets add up, the scope becomes labels."""
    assert send(receiver, an_export_of_metrics().SerializeToString(), "/v1/metrics") == 200
    count, wait = receiver.wait_for_metrics(bool)
    scope = {("otel_scope_name", "scope"), ("otel_scope_version", "1"), ("otel_scope_schema_url", "https://s")}

    assert (count.kind, count.value, count.start_ns, count.time_ns) == ("counter", 4, 5, 7)
    assert wait.exemplars == (("01" * 16, "02" * 8, 0.5),)
    assert wait.resource == {"service.name": "a"}
    assert samples([count, wait]) == {
        ("a_count_total", frozenset(scope)): 4,
        ("a_wait_seconds_count", frozenset(scope | {("a_b", "x")})): 3,
        ("a_wait_seconds_sum", frozenset(scope | {("a_b", "x")})): 1.5,
        ("a_wait_seconds_bucket", frozenset(scope | {("a_b", "x"), ("le", "0.25")})): 1,
        ("a_wait_seconds_bucket", frozenset(scope | {("a_b", "x"), ("le", "1.0")})): 3,
        ("a_wait_seconds_bucket", frozenset(scope | {("a_b", "x"), ("le", "+Inf")})): 3,
    }


def test_sums_that_start_anew_each_time_are_refused(receiver: OtlpReceiver) -> None:
    """Two exports of the same would then be two different things."""
    export = an_export_of_metrics()
    export.resource_metrics[0].scope_metrics[0].metrics[0].sum.aggregation_temporality = 1

    assert send(receiver, export.SerializeToString(), "/v1/metrics") == 400
    assert receiver.metrics == []
