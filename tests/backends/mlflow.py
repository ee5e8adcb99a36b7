"""A real MLflow tracking server: how to start it, and what it kept.

Source: MLflow's REST API 3.0, traces/search and traces/get, where spans come as OTLP in JSON with snake_case names.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.backends.kept import Kept
from tests.backends.servers import EXPORT_TIMEOUT_S, environment, free_ports, server

EXPERIMENT: Final = "gateway"
MAX_TRACES: Final = 500
STATUS_ERROR: Final = "STATUS_CODE_ERROR"


@dataclass(frozen=True, slots=True)
class Trace:
    """What MLflow tells of a trace. state: OK, ERROR or IN_PROGRESS; usage: its own sums of tokens."""

    trace_id: str
    state: str
    usage: Mapping[str, int] | None
    spans: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class MLflow:
    """A running one, with an experiment to send to. otel: what the gateway needs to send there."""

    url: str
    experiment: str

    @property
    def otel(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": EXPORT_TIMEOUT_S,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-mlflow-experiment-id={self.experiment}",
        }

    def traces(self) -> list[Trace]:
        """Every trace of the experiment."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}}
        found = _call(
            f"{self.url}/api/3.0/mlflow/traces/search", {"locations": [place], "max_results": MAX_TRACES}
        ).get("traces", [])
        return [self._trace(info) for info in found]

    def _trace(self, info: Mapping[str, Any]) -> Trace:
        whole = _call(f"{self.url}/api/3.0/mlflow/traces/get?trace_id={info['trace_id']}")["trace"]
        usage = info.get("trace_metadata", {}).get("mlflow.trace.tokenUsage")
        return Trace(
            trace_id=info["trace_id"].removeprefix("tr-"),
            state=info["state"],
            usage=None if usage is None else json.loads(usage),
            spans=tuple(_kept(span) for span in whole["spans"]),
        )


@contextmanager
def mlflow() -> Iterator[MLflow]:
    """One of the test's own."""
    own = environment("mlflow")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    def command(data: Path) -> list[str]:
        listen = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        return [str(own / "mlflow"), "server", *listen, "--backend-store-uri", f"sqlite:///{data}/mlflow.db"]

    env = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with server(command, env, f"{url}/health", own=own):
        made = _call(f"{url}/api/2.0/mlflow/experiments/create", {"name": EXPERIMENT})
        yield MLflow(url, made["experiment_id"])


def _call(url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _kept(span: Mapping[str, Any]) -> Kept:
    return Kept(
        trace_id=base64.b64decode(span["trace_id"]).hex(),
        span_id=base64.b64decode(span["span_id"]).hex(),
        parent_id=base64.b64decode(span.get("parent_span_id", "")).hex(),
        name=span["name"],
        is_error=span["status"].get("code") == STATUS_ERROR,
        start_ns=int(span["start_time_unix_nano"]),
        end_ns=int(span["end_time_unix_nano"]),
        attributes={pair["key"]: _value(pair["value"]) for pair in span["attributes"]},
    )


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    if kind == "array_value":
        return [_value(item) for item in plain["values"]]
    return int(plain) if kind == "int_value" else plain
