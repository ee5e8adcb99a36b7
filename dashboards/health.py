"""Gateway health: its processes, the way of records, exports, connections.

For the platform engineer: is it the gateway, and has it room left.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards import thresholds
from dashboards.board import Board, Row
from dashboards.panels import Ask, lines, stack, stat, table
from dashboards.queries import health, latency, requests

_PROCESS = "{{instance}} {{process}} {{worker}}"

_NOW = Row(
    "Is it all right?",
    (
        stat(
            1,
            "Gateways",
            health.GATEWAYS,
            units.NoUnit,
            "Gateways that Prometheus hears of. Nothing here means that none is scraped.",
            limits=(1, 1),
            falling=True,
            width=3,
            nothing="none",
            alerts=(
                "Down",
                "InstanceDown",
            ),
        ),
        stat(
            2,
            "On the plain path",
            health.ON_THE_PLAIN_PATH,
            units.NoUnit,
            "Forwarders on the plain path though the settings ask for the fast one. Good: 0. Nothing is wrong for "
            "clients; forwarding costs about three times the CPU.",
            limits=(1, 1),
            width=3,
            decimals=0,
            alerts=("UnexpectedPlainPath",),
        ),
        stat(
            3,
            "Restarts",
            health.RESTARTS_SHOWN,
            units.NoUnit,
            "Forwarders and observers that died and were started again, in the shown time. Good: 0.",
            limits=thresholds.RESTARTS,
            width=3,
            decimals=0,
            alerts=(
                "ProcessRestarted",
                "ProcessLoop",
            ),
        ),
        stat(
            4,
            "Records lost",
            health.LOST_SHOWN,
            units.NoUnit,
            "Records that never reached the observer, in the shown time: what they would have counted is missing "
            "everywhere. Good: 0. No byte of a client is lost with them.",
            limits=thresholds.LOST,
            width=3,
            decimals=0,
            alerts=("RecordsLost",),
        ),
        stat(
            5,
            "Spans not exported",
            health.SPANS_NOT_EXPORTED_SHOWN,
            units.NoUnit,
            "Spans that were made and did not arrive at the collector, in the shown time: failed or dropped. Good: 0.",
            limits=(1, 1000),
            width=3,
            decimals=0,
            alerts=("ExportsFailing",),
        ),
        stat(
            6,
            "Busiest forwarder",
            health.BUSIEST_FORWARDER,
            units.PercentUnit,
            "CPU of the busiest forwarder; it can use one core. Near 1 streams begin to wait: add forwarders or "
            "replicas. Unknown where there is no /proc.",
            limits=thresholds.CPU,
            width=3,
            decimals=0,
            nothing="unknown",
            over_time=True,
            alerts=("ProcessBusy",),
        ),
        stat(
            7,
            "Loop lag, p99",
            health.FORWARDER_LAG_P99,
            units.Seconds,
            "How late the forwarders' loops wake, 99 of 100 times at most: the delay that every chunk may have. Good: "
            "under a few milliseconds.",
            limits=thresholds.LOOP_LAG,
            width=3,
            over_time=True,
            alerts=("LoopLag",),
        ),
        stat(
            9,
            "Settings refused",
            health.REFUSING_THEIR_FILES,
            units.NoUnit,
            "Gateways whose file of settings or prices has something that they refused: what it was keeps its old "
            "value. Good: 0.",
            limits=(1, 1),
            width=3,
            decimals=0,
            alerts=("ReloadRefused",),
        ),
    ),
)

_PROCESSES = Row(
    "Processes",
    (
        lines(
            10,
            "CPU",
            [Ask(health.CPU_BY_PROCESS, _PROCESS)],
            units.PercentUnit,
            "1 is a whole core. A forwarder or the observer can use one at most. Where there is no /proc: nothing.",
            limits=thresholds.CPU,
            alerts=("ProcessBusy",),
        ),
        lines(
            11,
            "Memory",
            [Ask(health.MEMORY_BY_PROCESS, _PROCESS)],
            units.BytesIEC,
            "Resident, of each process. It grows with open streams and with series; a line that only grows is a leak.",
            alerts=("MemoryHigh",),
        ),
        lines(
            12,
            "Loop lag, p99 and p99.9",
            [
                Ask(health.LAG_P99_BY_PROCESS, "{{process}} p99"),
                Ask(health.LAG_P999_BY_PROCESS, "{{process}} p99.9"),
            ],
            units.Seconds,
            "How late a loop woke, looked at ten times a second. The forwarder's is felt by clients, the observer's is "
            "not.",
            limits=thresholds.LOOP_LAG,
            log_scale=True,
            low=None,
            alerts=("LoopLag",),
        ),
        lines(
            13,
            "The tap's share of the forwarders' CPU",
            [Ask(health.TAP_SHARE, "tap")],
            units.PercentUnit,
            "What reading costs, by the time of one exchange in sixteen: an estimate.",
            high=1,
        ),
        lines(
            14,
            "Restarts",
            [
                Ask(health.RESTARTS_BY_PROCESS, "{{instance}} {{process}}"),
                Ask(health.STARTS_BY_INSTANCE, "{{instance}} all of it"),
            ],
            units.NoUnit,
            "Processes that the supervisor started again, and starts of all together, within each step. A forwarder "
            "that dies breaks its streams; an observer that dies breaks none.",
            alerts=(
                "ProcessRestarted",
                "ProcessLoop",
                "Restarted",
            ),
        ),
        lines(
            15,
            "What the gateway adds",
            [Ask(latency.ADDED_P50, "{{path}} p50"), Ask(latency.ADDED_P99, "{{path}} p99")],
            units.Seconds,
            "request: from its head to its writing upstream, without connecting. first_event: from reading the "
            "response's first bytes to their writing.",
            limits=(0.005, 0.025),
        ),
        table(
            16,
            "Builds",
            [Ask(health.BUILDS, "gateways")],
            units.NoUnit,
            "Which build runs where: version, path of forwarding, Python, aiohttp.",
            width=16,
            height=6,
        ),
        lines(
            17,
            "Since settings were read",
            [Ask(health.SETTINGS_AGE_BY_INSTANCE, "{{instance}}")],
            units.Seconds,
            "A line falls to 0 when a file was read again. One that doesn't fall with the others has not taken it up: "
            "its log says `not_reloaded`.",
            height=6,
            alerts=("ReloadRefused",),
        ),
    ),
)

_RECORDS = Row(
    "From forwarders to the observer",
    (
        lines(
            20,
            "Exchanges begun and accounted for",
            [Ask(health.OPENED, "opened"), Ask(health.CLOSED, "closed")],
            units.RequestsPerSecond,
            "By the forwarders' own count. Apart for long: streams are piling up, or ends are lost.",
        ),
        lines(
            21,
            "Balance",
            [Ask(health.BALANCE, "opened - closed - open - lost")],
            units.NoUnit,
            "Opened less closed, open and lost: 0 at every scrape, or the books are wrong. A scrape in the middle of a "
            "moment is still one moment.",
            low=None,
            limits=(1, 1),
        ),
        lines(
            22,
            "Records lost",
            [Ask(health.LOST_BY_REASON, "{{reason}}")],
            units.NoUnit,
            "Within each step. queue_full: the observer doesn't keep up, or hangs. observer_died: it died before it "
            "had taken them.",
            limits=(1, 1),
            nothing="none",
            alerts=("RecordsLost",),
        ),
        lines(
            23,
            "Waiting for the observer",
            [Ask(health.QUEUE_BY_WORKER, "{{instance}} {{worker}}")],
            units.BytesIEC,
            "Records that wait, by forwarder. Full at 8 MiB; then whole records are dropped and counted.",
            limits=(2_000_000, 6_000_000),
        ),
        lines(
            24,
            "Age of the oldest that waits",
            [Ask(health.RECORD_LAG_BY_WORKER, "{{instance}} {{worker}}")],
            units.Seconds,
            "How far the figures are behind. Good: under a second.",
            limits=thresholds.RECORD_LAG,
            alerts=("RecordLag",),
        ),
        lines(
            25,
            "Faults of ours",
            [
                Ask(health.TAP_FAULTS_BY_PLACE, "tap: {{where}}"),
                Ask(health.TELEMETRY_FAULTS_BY_SINK, "telemetry: {{sink}}"),
            ],
            units.NoUnit,
            "Within each step. tap: reading was switched off for one exchange. telemetry: one record missed one sink. "
            "Clients feel neither. Good: 0.",
            limits=thresholds.FAULTS,
            alerts=(
                "TapFaults",
                "TelemetryFaults",
            ),
        ),
    ),
)

_EXPORTS = Row(
    "Exports and series",
    (
        lines(
            30,
            "Spans by what became of them",
            [Ask(health.SPANS_BY_RESULT, "{{result}}")],
            units.CountsPerSecond,
            "failed: the collector refused or was gone. dropped: the queue to it was full. sampled_out: not kept by "
            "the settings, which is no fault.",
        ),
        lines(
            31,
            "Share of spans that did not arrive",
            [Ask(health.SPANS_FAILED_RATIO, "failed or dropped")],
            units.PercentUnit,
            "Of those that were to be exported. Nothing where none is.",
            limits=thresholds.EXPORTS_FAILED,
            high=1,
            nothing="no exports",
            alerts=("ExportsFailing",),
        ),
        lines(
            32,
            "Captured content",
            [
                Ask(health.CONTENT_BY_RESULT, "events: {{result}}"),
                Ask(health.WITHHELD_BY_REASON, "withheld: {{reason}}"),
            ],
            units.CountsPerSecond,
            "What became of captured prompts and answers. 0 unless capture is switched on.",
        ),
        lines(
            33,
            "Series",
            [Ask(health.SERIES_BY_INSTANCE, "{{instance}}")],
            units.Short,
            "Of one scrape. At labels.max_series (10,000 by default) new combinations of labels are folded into "
            "`other`.",
            limits=(8_000, 10_000),
            width=12,
            alerts=("SeriesLimit",),
        ),
        lines(
            34,
            "Label values that were folded",
            [Ask(health.OVERFLOWS_BY_LABEL, "{{label}}")],
            units.NoUnit,
            "Within each step. Values outside a label's set, counted as `other`.",
            width=12,
            nothing="none",
            alerts=("LabelOverflow",),
        ),
    ),
)

_UPSTREAM = Row(
    "Connections to the upstream",
    (
        stack(
            40,
            "Pool",
            [Ask(health.CONNECTIONS, "{{state}}")],
            units.NoUnit,
            "active serve an exchange, idle wait for one; over HTTP/1.1 one connection serves one exchange at a time.",
        ),
        lines(
            41,
            "New connections, by result",
            [Ask(health.CONNECTS_BY_RESULT, "{{result}}")],
            units.CountsPerSecond,
            "Anything but ok is a request that failed or waited longer.",
        ),
        lines(
            42,
            "TLS handshakes that resumed a session",
            [Ask(health.RESUMED_SHARE, "resumed")],
            units.PercentUnit,
            "A resumed handshake costs a fifth to a third less CPU. Nothing without TLS to the upstream.",
            high=1,
            nothing="no handshakes",
        ),
        lines(
            43,
            "Exchanges begun, by forwarder",
            [Ask(requests.OPENED_BY_WORKER, "{{instance}} {{worker}}")],
            units.RequestsPerSecond,
            "Good: even. The system spreads new connections, not streams, so a few long-lived clients may weigh on "
            "one.",
        ),
        lines(
            45,
            "Requests that found a connection",
            [Ask(health.REUSE_SHARE, "reused")],
            units.PercentUnit,
            "Requests to the upstream less new connections, as a share of requests: who found an open one didn't wait "
            "for a handshake. Spare connections that are opened ahead count as new ones, so it may fall below 0.",
            low=None,
            high=1,
            nothing="no requests",
        ),
        stack(
            44,
            "Open exchanges",
            [Ask(requests.OPEN_NOW, "{{mode}}")],
            units.NoUnit,
            "Open now, by how the answer is delivered.",
        ),
    ),
)

BOARD = Board(
    "Gateway health",
    "The gateway itself: its processes, whether all that happened was recorded and exported, and its connections.",
    (_NOW, _PROCESSES, _RECORDS, _EXPORTS, _UPSTREAM),
)
