"""The second set of metrics, as the semantic conventions shape it, fed from the same accounts as our own.

Not here: names and bounds (semconv_names.py). Source: telemetry-conventions.md 1.4, 1.5, 3.4; docs/conventions.md says
what they leave open and how it is decided here.
Promise: it moves when our own set moves, and says the same of the same exchange; a call that stated no tokens touches
the instruments of tokens with 0.
"""

from __future__ import annotations

from collections import Counter as Tally

from gateway.telemetry import attributes as attr
from gateway.telemetry import names
from gateway.telemetry.books import Account, CountedUsage
from gateway.telemetry.catalogue import Family
from gateway.telemetry.collectors import Read, ReadFamilies
from gateway.telemetry.http_attributes import (
    METHODS,
    OTHER_METHOD,
    SCHEME,
    method_word,
    route_template,
    split_target,
    status,
)
from gateway.telemetry.labels import CodeLabels, Overflow, RouteLabels
from gateway.telemetry.registry import Counter, Histogram, Labels, Registry
from gateway.telemetry.view import View
from gateway.wire.outcome import Route
from gateway.wire.usage import UNKNOWN, Usage

MORE_ROUTES = 24
_INPUT = frozenset({"input", "tool_use"})
_OUTPUT = frozenset({"output", "thought"})


class Semconv:
    """The families of one setting of `metrics.semconv`."""

    def __init__(self, registry: Registry, revision: str, view: View, codes: CodeLabels, overflow: Overflow) -> None:
        """revision: v1_41, latest or both."""
        self._codes = codes
        self._routes = RouteLabels(MORE_ROUTES, overflow)
        families = {family.dotted: family for family in names.SEMCONV_FAMILIES[revision]}

        def histogram(family: Family) -> Histogram | None:
            chosen = families.get(family.dotted)
            return None if chosen is None else Histogram(chosen, registry)

        self._latest = revision != "v1_41"
        self._earlier = revision != "latest"
        self._duration = histogram(names.INFERENCE_DURATION)
        self._first_chunk = histogram(names.INFERENCE_FIRST_CHUNK)
        self._per_chunk = histogram(names.INFERENCE_PER_CHUNK)
        self._usage = {
            family.dotted: Counter(families[family.dotted], registry)
            for family in (
                names.USAGE_INPUT_TOKENS,
                names.USAGE_OUTPUT_TOKENS,
                names.USAGE_CACHE_READ_TOKENS,
                names.USAGE_REASONING_TOKENS,
            )
            if family.dotted in families
        }
        self._size_input = histogram(names.SIZE_INPUT_TOKENS)
        self._size_output = histogram(names.SIZE_OUTPUT_TOKENS)
        self._token_usage = histogram(names.TOKEN_USAGE)
        self._operation = histogram(names.OPERATION_DURATION)
        self._operation_first_chunk = histogram(names.OPERATION_FIRST_CHUNK)
        self._operation_per_chunk = histogram(names.OPERATION_PER_CHUNK)
        self._http = histogram(names.HTTP_DURATION)
        registry.register(ActiveRequests(view))

    def closed(self, account: Account) -> None:
        """Count an ended exchange."""
        record = account.record
        self._observe_http(account)
        doing = attr.operation(record)
        if doing is None:
            return
        provider = attr.provider(record.upstream_host)
        call = (doing, provider, _model(account.model))
        error = attr.error_type(record, self._codes) or ""
        self._observe_duration(doing, (*call, error), account)
        if record.route is Route.CREATE:
            self._observe_chunks(call, account)
            self._count_tokens(call, account.usage)
        elif account.usage is not None:
            # A fetch has no tokens of its own: they are those of the call that it asks about.
            meant = names.INVOKE_AGENT if record.stream.interaction.agent else names.GENERATE
            call = (meant, provider, _model(account.usage.model))
            self._count_tokens(call, account.usage)
        if account.sizes and self._size_input is not None and self._size_output is not None:
            # The whole of it, also where only its growth is counted.
            stated = record.stream.usage if account.usage is not None else None
            self._size_input.observe((*call, error), _total(stated, _INPUT) or 0)
            self._size_output.observe((*call, error), _total(stated, _OUTPUT) or 0)

    def _observe_http(self, account: Account) -> None:
        if self._http is None:
            return
        record = account.record
        answered = status(record)
        route = self._routes.fold(
            route_template(record.route, split_target(record.target)[0]),
            accepted=record.http_status is not None and record.http_status < 400,
        )
        error = (attr.error_type(record, self._codes) or "") if attr.is_server_error(record) else ""
        labels = (method_word(record.method), SCHEME, route, "" if answered is None else str(answered), error)
        self._http.observe(labels, record.times.end_ns)

    def _observe_duration(self, doing: str, labels: Labels, account: Account) -> None:
        took_ns = attr.main_duration_ns(account.record)
        if self._duration is not None and doing == names.GENERATE:
            self._duration.observe(labels, took_ns)
        is_earlier = self._earlier and doing != names.FETCH
        is_latest = self._latest and doing != names.GENERATE
        if self._operation is not None and (is_earlier or is_latest):
            self._operation.observe(labels, took_ns)

    def _observe_chunks(self, call: Labels, account: Account) -> None:
        first_ns, gaps = attr.first_chunk_ns(account.record), account.record.stream.gaps
        for first, per in (
            (self._first_chunk, self._per_chunk),
            (self._operation_first_chunk, self._operation_per_chunk),
        ):
            if first is not None and first_ns is not None:
                first.observe(call, first_ns)
            if per is not None and any(gaps.counts):
                per.add(call, gaps.counts, gaps.sum_ns)

    def _count_tokens(self, call: Labels, stated: CountedUsage | None) -> None:
        if self._usage:
            self._count_usage(call, stated)
        if self._token_usage is not None and stated is not None:
            for type_, parts in (("input", _INPUT), ("output", _OUTPUT)):
                tokens = _total(stated.usage, parts)
                if tokens is not None:
                    self._token_usage.observe((*call, type_), tokens)

    def _count_usage(self, call: Labels, stated: CountedUsage | None) -> None:
        counted = stated.counted if stated is not None else None
        tokens: dict[Family, Tally[str]] = {
            names.USAGE_INPUT_TOKENS: Tally(),
            names.USAGE_OUTPUT_TOKENS: Tally(),
            names.USAGE_CACHE_READ_TOKENS: Tally(),
            names.USAGE_REASONING_TOKENS: Tally(),
        }
        for part in counted.tokens if counted is not None else ():
            if part.type in _INPUT:
                tokens[names.USAGE_INPUT_TOKENS][part.modality] += part.tokens
            elif part.type in _OUTPUT:
                tokens[names.USAGE_OUTPUT_TOKENS][part.modality] += part.tokens
            if part.type == "thought":
                tokens[names.USAGE_REASONING_TOKENS][part.modality] += part.tokens
        for part in counted.cached if counted is not None else ():
            tokens[names.USAGE_CACHE_READ_TOKENS][part.modality] += part.tokens
        for family, by_modality in tokens.items():
            for modality, number in (by_modality or {UNKNOWN: 0}).items():
                self._usage[family.dotted].inc((*call, modality), number)


class ActiveRequests(ReadFamilies):
    """Open requests by method, read at each scrape; all methods there are, so that none comes and goes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def read(self) -> Read:
        """Part of ReadFamilies."""
        active = dict.fromkeys((*sorted(METHODS), OTHER_METHOD), 0)
        for method, requests in self._view.open_by_method().items():
            active[method_word(method)] += requests
        return [(names.HTTP_ACTIVE, [((method, SCHEME), requests) for method, requests in active.items()])]


def _model(label: str) -> str:
    """What there isn't is no label here."""
    return "" if label == names.NONE else label


def _total(usage: Usage | None, parts: frozenset[str]) -> int | None:
    stated = [tokens for part in parts if usage is not None and (tokens := getattr(usage, part)) is not None]
    return sum(stated) if stated else None
