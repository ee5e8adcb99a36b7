"""The reference page of all telemetry, made from the catalogue: `python -m gateway.telemetry.reference` writes it.

Not here: any name (names.py). Promise: the same catalogue gives the same page; a test holds docs/telemetry.md to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from gateway.telemetry import names
from gateway.telemetry.catalogue import Attribute, Family

_TITLE = """\
# Telemetry reference

Every metric, label, span and attribute of the gateway. Made by `make docs` from `gateway/telemetry/names.py`;
`tests/telemetry/test_reference.py` holds it to the code. What was decided where the conventions leave a choice is in
[conventions.md](conventions.md), how odd cases count in [counting.md](counting.md)."""

_OWN = """\
## Metrics

The prefix is `{prefix}`. Counters and histograms move once, when the exchange closes. Over OTLP
(`OTEL_METRICS_EXPORTER=otlp`) a family has the same name and labels, and the unit given here."""

_LABELS = """\
### Labels

Every label has a closed set of values, or a bounded one; what is outside becomes `other` and is counted in
`label_overflow_total`."""

_SECOND = """\
## Metrics of the semantic conventions

Off unless `metrics.semconv` is `v1_41`, `latest` or `both`; then a second set beside the first, of the same exchanges.
Names in `/metrics` are those that the OpenTelemetry exporter for Prometheus makes, with its labels
`otel_scope_name`, `otel_scope_version` and `otel_scope_schema_url` on each sample, and `target_info`. A label that
doesn't apply is empty there and absent over OTLP."""

_SPANS = """\
## Spans

```
SERVER   POST /v1beta/interactions
  CLIENT   generate_content gemini-3-flash-preview
    CLIENT   POST
    INTERNAL execute_tool google_search
      INTERNAL step google_search_call
      INTERNAL step google_search_result
    INTERNAL step model_output
```

Status is Error where `error.type` is set, else unset; it is never set to OK. Of the interaction's span a cancel has
none: its link is on the SERVER span."""

_ATTRIBUTES = """\
### Attributes

*on*: `interaction` is the `generate_content` or `invoke_agent` span, `fetch` the `fetch_response` one, `upstream` the
request's. What is not known is absent, never 0. No prompt, answer or key is in any of them, unless capture is on."""

_EVENTS = """\
## Log events

One, `{event}`, and only where captured content is to leave as events ([content.md](content.md)). Span events are not
sent unless the settings ask for them."""


def page() -> str:
    """The page, as it is in docs/telemetry.md."""
    parts = [
        _TITLE,
        _OWN.format(prefix=names.PREFIX),
        _table(("metric", "type", "unit", "labels", "buckets", "says"), map(_own_row, names.FAMILIES)),
        _table(("buckets", "bounds"), _bucket_rows()),
        _LABELS,
        _table(("label", "values"), ((f"`{label}`", text) for label, text in names.LABELS.items())),
        _SECOND,
        _table(("metric", "in /metrics", "type", "unit", "attributes", "set", "buckets", "says"), _second_rows()),
        _SPANS,
        _table(("span", "name", "kind", "says", "source"), _span_rows()),
        _ATTRIBUTES,
        _table(("attribute", "type", "unit", "on", "when", "says", "source"), map(_attribute_row, names.ATTRIBUTES)),
        "`link` is a link between spans, `resource` the resource, `metric` a metric of the second set, `event` a span "
        'event. There are span events with `spans.detail = "full"` only, on the interaction\'s span: '
        + ", ".join(f"`{name}`" for name in names.SPAN_EVENTS)
        + "; and, with `proxy.detail` on, the last events of the stream by their own type ([traces.md](traces.md)).",
        _EVENTS.format(event=names.CONTENT_EVENT),
    ]
    return "\n\n".join(parts) + "\n"


_BUCKETS = {
    "latency": names.BOUNDS_LATENCY_S,
    "duration": names.BOUNDS_DURATION_S,
    "gap": names.BOUNDS_GAP_S,
    "overhead": names.BOUNDS_OVERHEAD_S,
    "lag": names.BOUNDS_LAG_S,
    "tokens": names.BOUNDS_TOKENS,
    "call": names.BOUNDS_CALL_S,
    "call tokens": names.BOUNDS_CALL_TOKENS,
    "http": names.BOUNDS_HTTP_S,
}


def _buckets(family: Family) -> str:
    if not family.bounds:
        return ""
    return next(name for name, bounds in _BUCKETS.items() if tuple(bounds) == tuple(family.bounds))


def _bucket_rows() -> Iterator[tuple[str, ...]]:
    for name, bounds in _BUCKETS.items():
        yield name, " ".join(f"{bound:g}" if isinstance(bound, float) else str(bound) for bound in bounds)


def _own_row(family: Family) -> tuple[str, ...]:
    labels = ", ".join(family.labels) + (" (, team)" if family.by_team else "")
    name = family.name.removeprefix(names.PREFIX)
    return f"`{name}`", family.kind.value, _unit(family.unit), labels, _buckets(family), family.help


def _second_rows() -> Iterator[tuple[str, ...]]:
    families = {family.dotted: family for family in names.SEMCONV_FAMILIES["both"]}
    for family in families.values():
        of = [mode for mode in ("v1_41", "latest") if family.dotted in _dotted(mode)]
        attributes = ", ".join(f"`{name}`" for name in family.attributes)
        yield (
            f"`{family.dotted}`",
            f"`{family.name}`",
            family.kind.value,
            _unit(family.unit),
            attributes,
            ", ".join(of),
            _buckets(family),
            family.help,
        )


def _dotted(mode: str) -> set[str]:
    return {family.dotted for family in names.SEMCONV_FAMILIES[mode]}


def _span_rows() -> Iterator[tuple[str, ...]]:
    for span in names.SPAN_KINDS:
        yield span.key, f"`{span.name}`", span.kind, span.help, span.source.value


def _attribute_row(attribute: Attribute) -> tuple[str, ...]:
    on = ", ".join(attribute.on)
    name, source = f"`{attribute.name}`", attribute.source.value
    return name, attribute.type, _unit(attribute.unit), on, attribute.when, attribute.help, source


def _unit(unit: str) -> str:
    return "" if unit in ("", "1") else f"`{unit}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
