"""The gateway itself: its processes, the way of records, exports, connections, and whether its numbers hold."""

from __future__ import annotations

from dashboards.promql import SHOWN, STEP, grown, latest, of, one_of, or_none, part_of, per_second, quantile
from gateway.telemetry import names

GATEWAYS = f"count({of(names.SERIES)})"
BUILDS = f"count by (version, path, python, aiohttp, semconv) ({of(names.BUILD_INFO)})"
ON_THE_PLAIN_PATH = latest(names.UNEXPECTED_PLAIN_PATH)
RESTARTS_SHOWN = grown(names.PROCESS_RESTARTS, SHOWN)
STARTS_BY_INSTANCE = f"sum by (instance) (changes({of(names.STARTED)}[{STEP}]))"
RESTARTS_BY_PROCESS = grown(names.PROCESS_RESTARTS, STEP, "instance", "process")
REFUSING_THEIR_FILES = f"count({of(names.CONFIG_IN_FORCE)}) - sum({of(names.CONFIG_IN_FORCE)})"
SETTINGS_AGE_BY_INSTANCE = f"time() - {latest(names.CONFIG_RELOADED, 'instance', how='min')}"

CPU_BY_PROCESS = per_second(names.PROCESS_CPU, "instance", "process", "worker")
BUSIEST_FORWARDER = f"max(rate({of(names.PROCESS_CPU, process='forwarder')}[{STEP}]))"
MEMORY_BY_PROCESS = latest(names.PROCESS_MEMORY, "instance", "process", "worker")
TAP_SHARE = part_of(per_second(names.TAP_SECONDS), per_second(names.PROCESS_CPU, process="forwarder"))
LAG_P99_BY_PROCESS = quantile(0.99, names.LOOP_LAG, "process")
LAG_P999_BY_PROCESS = quantile(0.999, names.LOOP_LAG, "process")
FORWARDER_LAG_P99 = quantile(0.99, names.LOOP_LAG, process="forwarder")

LOST_SHOWN = grown(names.RECORDS_LOST, SHOWN)
LOST_BY_REASON = grown(names.RECORDS_LOST, STEP, "reason")
QUEUE_BY_WORKER = latest(names.RECORD_QUEUE_BYTES, "instance", "worker")
RECORD_LAG_BY_WORKER = latest(names.RECORD_LAG, "instance", "worker", how="max")
OPENED = per_second(names.OPENED)
CLOSED = per_second(names.CLOSED)
# opened = closed + open + lost, so this is 0; anything else is a fault of the books.
BALANCE = (
    f"{latest(names.OPENED)} - {latest(names.CLOSED)} - {latest(names.ACTIVE_STREAMS)}"
    f" - {latest(names.RECORDS_LOST, kind='ExchangeClosed')}"
)
TAP_FAULTS_SHOWN = grown(names.TAP_FAULTS, SHOWN)
TAP_FAULTS_BY_PLACE = grown(names.TAP_FAULTS, STEP, "where")
TELEMETRY_FAULTS_SHOWN = grown(names.TELEMETRY_FAULTS, SHOWN)
TELEMETRY_FAULTS_BY_SINK = grown(names.TELEMETRY_FAULTS, STEP, "sink")

SPANS_BY_RESULT = per_second(names.SPANS, "result")
SPANS_NOT_EXPORTED_SHOWN = grown(names.SPANS, SHOWN, result=one_of("failed", "dropped"))
SPANS_FAILED_RATIO = part_of(
    per_second(names.SPANS, result=one_of("failed", "dropped")),
    per_second(names.SPANS, result=one_of("failed", "dropped", "exported")),
)
CONTENT_BY_RESULT = per_second(names.CONTENT_EVENTS, "result")
WITHHELD_BY_REASON = per_second(names.CONTENT_WITHHELD, "reason")

CONNECTIONS = latest(names.UPSTREAM_CONNECTIONS, "state")
CONNECTS_BY_RESULT = per_second(names.UPSTREAM_CONNECTS, "result")
CONNECTS_FAILED_BY_RESULT = per_second(names.UPSTREAM_CONNECTS, "result", result='!="ok"')
RESUMED_SHARE = part_of(per_second(names.TLS_HANDSHAKES, resumed="true"), per_second(names.TLS_HANDSHAKES))
REUSE_SHARE = f"1 - {part_of(per_second(names.UPSTREAM_CONNECTS), per_second(names.UPSTREAM_ATTEMPTS))}"

SERIES_BY_INSTANCE = latest(names.SERIES, "instance")
OVERFLOWS_BY_LABEL = grown(names.LABEL_OVERFLOW, STEP, "label")

# Of Prometheus itself, where the rules are loaded; an alert of a sum has no namespace, which `.*` matches.
FIRING = or_none(
    'sum by (alertname, severity) (ALERTS{namespace=~"$namespace", alertname=~"InteractionsGateway.+", '
    'alertstate="firing"})',
    "alertname",
)
