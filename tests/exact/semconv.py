"""The second set of metrics of the run, from the same accounts as the first; and both of them as they came over OTLP.

Not here: what an exchange was (reading.py), what counts of it (books.py).
Source: telemetry-conventions.md 1.4, 1.5 and 3.4; docs/conventions.md for what that leaves open.
Promise: every sample of the second set is stated, but for buckets and sums of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.exact import shapes
from tests.exact import usage as arithmetic
from tests.exact.books import Account, Sample
from tests.exact.facts import Reading
from tests.exact.rules import error_type
from tests.exact.spans import OWN_STATUS, http_route
from tests.exact.words import GAP, PREFIX

SCOPES: Final = {
    "http": "https://opentelemetry.io/schemas/1.44.0",
    "inference": "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev",
    "earlier": "https://opentelemetry.io/schemas/1.41.0",
}
CALL_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
HTTP_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
SIZES: Final = tuple(4**power for power in range(14))
TIMES: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "gen_ai_client_inference_duration_seconds": ("inference", CALL_S),
    "gen_ai_client_inference_time_to_first_chunk_seconds": ("inference", CALL_S),
    "gen_ai_client_inference_time_per_output_chunk_seconds": ("inference", GAP),
    "gen_ai_client_operation_duration_seconds": ("earlier", CALL_S),
    "gen_ai_client_operation_time_to_first_chunk_seconds": ("earlier", CALL_S),
    "gen_ai_client_operation_time_per_output_chunk_seconds": ("earlier", GAP),
    "http_server_request_duration_seconds": ("http", HTTP_S),
}
_PARTS: Final = {"input": ("input", "tool_use"), "output": ("output", "thought")}


@dataclass(slots=True)
class Second:
    """The expected samples, account by account in the order of books.py. sized: interactions whose size is told."""

    samples: Counter[Sample] = field(default_factory=Counter)
    sized: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"):
            self._add("http_server_active_requests", "http", 0, http_request_method=method, url_scheme="http")

    def take(self, account: Account) -> None:
        """The next exchange that ended."""
        reading = account.reading
        self._http(reading)
        if reading.outcome == "rejected" or reading.route not in {"create", "get", "cancel"}:
            return
        error = error_type(reading) or ""
        if reading.route == "create":
            call = _call("invoke_agent" if reading.asked.get("agent") else "generate_content", account.model)
            self._duration(call, error)
            self._chunks(call, reading)
            self._tokens(call, account)
            if reading.outcome != "in_progress":
                self._size(call, account, error)
            return
        if reading.route == "get":
            self._duration(_call("fetch_response", "none"), error)
        if account.via:
            call = _call("invoke_agent" if reading.agent else "generate_content", account.tokens_model)
            self._tokens(call, account)
            if _id(reading) not in self.sized:
                self._size(call, account, error)

    def _http(self, reading: Reading) -> None:
        status = OWN_STATUS.get(reading.code, reading.http_status)
        is_4xx = reading.outcome == "http_error" and (reading.http_status or 0) < 500
        has_route = reading.route in {"create", "get", "cancel", "delete"}
        self._add(
            "http_server_request_duration_seconds_count",
            "http",
            1,
            http_request_method=reading.did.method,
            url_scheme="http",
            http_route=http_route(reading) if has_route else "",
            http_response_status_code="" if status is None else str(status),
            error_type="" if is_4xx else error_type(reading) or "",
        )

    def _duration(self, call: dict[str, str], error: str) -> None:
        doing = call["gen_ai_operation_name"]
        if doing == "generate_content":
            self._add("gen_ai_client_inference_duration_seconds_count", "inference", 1, **call, error_type=error)
        # in both revisions at once the older name has every call, and fetches from the newer
        self._add("gen_ai_client_operation_duration_seconds_count", "earlier", 1, **call, error_type=error)

    def _chunks(self, call: dict[str, str], reading: Reading) -> None:
        first = reading.body_kind == "stream" and reading.events and reading.code == ""
        for name, scope in (("inference", "inference"), ("operation", "earlier")):
            if first:
                self._add(f"gen_ai_client_{name}_time_to_first_chunk_seconds_count", scope, 1, **call)
            if reading.deltas > 1:
                gaps = reading.deltas - 1
                self._add(f"gen_ai_client_{name}_time_per_output_chunk_seconds_count", scope, gaps, **call)

    def _tokens(self, call: dict[str, str], account: Account) -> None:
        usage = account.reading.usage if account.via else None
        found: dict[str, Counter[str]] = {
            "input": Counter(),
            "output": Counter(),
            "reasoning_output": Counter(),
            "cache_read_input": Counter(arithmetic.cached(usage) if usage is not None else {}),
        }
        for key, count in account.tokens.items():
            kind, modality = key.split("/")
            for name, parts in _PARTS.items():
                if kind in parts:
                    found[name][modality] += count
            if kind == "thought":
                found["reasoning_output"][modality] += count
        for name, counts in found.items():
            for modality, count in (counts or {"unknown": 0}).items():
                family = f"gen_ai_client_inference_usage_{name}_tokens_total"
                self._add(family, "inference", count, **call, gen_ai_token_modality=modality)
        for name, parts in _PARTS.items():
            if usage is not None and any(arithmetic.stated(usage, part) is not None for part in parts):
                tokens = sum(count for key, count in account.tokens.items() if key.split("/")[0] in parts)
                self._observe("gen_ai_client_token_usage", "earlier", tokens, **call, gen_ai_token_type=name)

    def _size(self, call: dict[str, str], account: Account, error: str) -> None:
        self.sized.add(_id(account.reading))
        usage = account.reading.usage if account.via else None
        for name, parts in _PARTS.items():
            tokens = sum(arithmetic.stated(usage or {}, part) or 0 for part in parts)
            family = f"gen_ai_client_inference_operation_{name}_tokens"
            self._observe(family, "inference", tokens, **call, error_type=error)

    def _observe(self, name: str, scope: str, value: int, **labels: str) -> None:
        """A histogram of numbers that are known: every sample of it."""
        self._add(f"{name}_count", scope, 1, **labels)
        self._add(f"{name}_sum", scope, value, **labels)
        for bound in (*SIZES, float("inf")):
            le = "+Inf" if bound == float("inf") else repr(float(bound))
            self._add(f"{name}_bucket", scope, int(value <= bound), **labels, le=le)

    def _add(self, name: str, scope: str, count: int, **labels: str) -> None:
        labels |= {"otel_scope_name": "gateway.telemetry", "otel_scope_schema_url": SCOPES[scope]}
        self.samples[name, frozenset((label, value) for label, value in labels.items() if value)] += count


def _call(doing: str, model: str) -> dict[str, str]:
    return {
        "gen_ai_operation_name": doing,
        "gen_ai_provider_name": "gcp.gen_ai",
        "gen_ai_request_model": "" if model == "none" else model,
    }


def _id(reading: Reading) -> str:
    asked = "" if reading.route == "create" else reading.did.path.partition("?")[0].split("/")[3]
    return reading.interaction_id or asked or reading.key


def read(text: str) -> dict[Sample, float]:
    """All samples of a scrape that aren't of the gateway's own set; empty labels and the version left out."""
    return {
        place: value
        for place, value in _all(text).items()
        if not place[0].startswith(PREFIX) and place[0] != "target_info"
    }


def differences(expected: Mapping[Sample, int], have: Mapping[Sample, float]) -> list[str]:
    """All of them, a line each."""
    compared = {place: value for place, value in have.items() if not _is_time(place[0])}
    found = [
        f"{_shown(place)} is {compared.get(place)}, not {expected.get(place)}"
        for place in sorted(expected.keys() | compared.keys(), key=_shown)
        if compared.get(place) != expected.get(place)
    ]
    for family, (_, bounds) in TIMES.items():
        les = {dict(labels)["le"] for name, labels in have if name == f"{family}_bucket"}
        if les and les != {*(repr(float(bound)) for bound in bounds), "+Inf"}:
            found.append(f"{family} has the buckets {sorted(les)}")
    return found


def pushed_differences(scrape: str, pushed: Mapping[Sample, float]) -> list[str]:
    """What a scrape and an export of metrics say differently; of what moves at rest, only that both have it."""
    have, want = (
        {place: None if _moves(place[0]) else value for place, value in found.items()}
        for found in (_all(scrape, version=True), pushed)
    )
    have = {place: value for place, value in have.items() if place[0] != "target_info"}
    return [
        f"{_shown(place)} is {want.get(place, 'absent')} over OTLP and {have.get(place, 'absent')} in the scrape"
        for place in sorted(have.keys() | want.keys(), key=_shown)
        if have.get(place, -1) != want.get(place, -1)
    ]


def _all(text: str, *, version: bool = False) -> dict[Sample, float]:
    without = frozenset() if version else frozenset({"otel_scope_version"})
    return {
        (
            sample.name,
            frozenset(
                (name, _word(name, value)) for name, value in sample.labels.items() if value and name not in without
            ),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _word(label: str, value: str) -> str:
    """A bound is a number, however it is written."""
    return value if label != "le" or value == "+Inf" else repr(float(value))


def _is_time(name: str) -> bool:
    return any(name.startswith(family) and not name.endswith("_count") for family in TIMES)


def _moves(name: str) -> bool:
    return shapes.family_of(name.removeprefix(PREFIX)) in shapes.FAMILIES


def _shown(place: Sample) -> str:
    name, labels = place
    return f"{name}{{{', '.join(f'{label}={value}' for label, value in sorted(labels) if 'scope' not in label)}}}"


def expected(accounts: Iterable[Account]) -> Counter[Sample]:
    """The whole second set."""
    second = Second()
    for account in accounts:
        second.take(account)
    return second.samples
