"""What is known of one exchange, as plain values: request, steps, times, interaction.

Not here: how it is found (request.py, interaction.py), how it crosses to the observer (records.py).
Promise: every text is cut and every list bounded by whoever fills it, so a record's size is bounded too.

Times are `int` nanoseconds since the exchange's start (its request head came in), None where the point was not
reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.wire.usage import Usage

NAME_MAX_CHARS = 64  # names of the wire's vocabulary
ID_MAX_CHARS = 512  # ids, models, agents: opaque text of the wire


def cut(value: object, max_chars: int = ID_MAX_CHARS) -> str | None:
    """A text of the wire, cut to a bounded length and fit for UTF-8; None for what is no text."""
    if not isinstance(value, str):
        return None
    value = value[:max_chars]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


# Upper bounds of the gap buckets, ns (telemetry-conventions.md 3.3, set G). Gaps are kept as counts, never as lists.
GAP_BOUNDS_NS = (
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
)


class Mode(StrEnum):
    """How an interaction is delivered."""

    STREAM = "stream"
    UNARY = "unary"
    BACKGROUND = "background"


class DeltaKind(StrEnum):
    """Kinds of first deltas (accounting.md 3). `output` and `any` overlap the others."""

    ANY = "any"
    OUTPUT = "output"
    TEXT = "text"
    THOUGHT = "thought"
    TOOL = "tool"
    MEDIA = "media"


class Basis(StrEnum):
    """What a usage rests on: the API's last word, or its last running value."""

    FINAL = "final"
    RUNNING = "running"


class Anomaly(StrEnum):
    """Oddities of a stream, each with a name and a count: a closed list."""

    UNTYPED_DELTA = "untyped_delta"
    UNTERMINATED_BLOCK = "unterminated_block"
    BARE_ERROR = "bare_error"
    SECOND_COMPLETED = "second_completed"
    SECOND_INTERACTION = "second_interaction"
    COMPLETED_NOT_TERMINAL = "completed_not_terminal"
    STEP_REOPENED = "step_reopened"
    STEP_WITHOUT_START = "step_without_start"
    BAD_INDEX = "bad_index"
    BAD_ARGUMENTS = "bad_arguments"
    BAD_USAGE = "bad_usage"
    USAGE_EXCEEDS_TOTAL = "usage_exceeds_total"
    MODALITY_EXCEEDS_TOTAL = "modality_exceeds_total"
    TOO_MANY_STEPS = "too_many_steps"
    UNREADABLE_ENCODING = "unreadable_encoding"


class Unknown(StrEnum):
    """Vocabulary of the wire that this version doesn't know."""

    EVENT_TYPE = "event_type"
    STEP_TYPE = "step_type"
    DELTA_TYPE = "delta_type"
    STATUS = "status"
    TIER = "tier"
    MODALITY = "modality"
    SSE_FIELD = "sse_field"
    LEGACY_EVENT = "legacy_event"


class Invalid(StrEnum):
    """Events that could not be read."""

    JSON = "json"
    UTF8 = "utf8"
    SHAPE = "shape"
    SIZE = "size"


@dataclass(slots=True)
class RequestFacts:
    """What a request told of itself. The body was read up to a bounded prefix; `understood` says whether it parsed."""

    model: str | None = None
    agent: str | None = None
    stream: bool = False
    background: bool = False
    interaction_id: str | None = None  # from the path: get, cancel, delete
    previous_interaction_id: str | None = None
    continuation: bool = False
    last_event_id: str | None = None
    api_revision: str | None = None
    service_tier: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    stop_sequences: list[str] | None = None
    thinking_level: str | None = None
    output_type: str | None = None  # text, json, image, speech: the conventions' words
    understood: bool = False
    function_results: dict[str, bool] = field(default_factory=dict)  # brought in the input: call id to is_error


@dataclass(slots=True)
class InteractionFacts:
    """The last that the response said of its interaction."""

    id: str | None = None
    status: str | None = None
    model: str | None = None
    agent: str | None = None
    service_tier: str | None = None
    created: str | None = None
    updated: str | None = None


@dataclass(slots=True)
class Step:
    """One step. type is of the known vocabulary, or `other` with the raw name in wire_type (None: no start was seen).

    bytes: data bytes of its events. Steps of a unary body have no times.
    number: its place in the response, from 0: an index may come twice. Negative: not known.
    """

    index: int
    type: str
    wire_type: str | None = None
    start_ns: int | None = None
    first_delta_ns: int | None = None
    last_delta_ns: int | None = None
    stop_ns: int | None = None
    closed: bool = False
    deltas: int = 0
    bytes: int = 0
    max_gap_ns: int = 0
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    is_error: bool | None = None
    step_usage: Usage | None = None
    number: int = -1


@dataclass(slots=True)
class Gaps:
    """Gaps between consecutive deltas: counts per bucket of GAP_BOUNDS_NS (one more, for above), sum and largest."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(GAP_BOUNDS_NS) + 1))
    sum_ns: int = 0
    max_ns: int = 0


@dataclass(slots=True)
class StreamFacts:
    """Everything the tracker learned from one response body.

    think_ns, server_tool_ns, stream_ns: how long it did that, less what the client held up (phases.py).
    """

    interaction: InteractionFacts = field(default_factory=InteractionFacts)
    steps: list[Step] = field(default_factory=list)
    steps_beyond: dict[str, list[int]] = field(default_factory=dict)  # type to [closed, open_at_end], over the cap
    usage: Usage | None = None
    basis: Basis | None = None
    gaps: Gaps = field(default_factory=Gaps)
    first_delta_ns: dict[str, int] = field(default_factory=dict)  # by DeltaKind
    first_event_ns: int | None = None
    last_delta_ns: int | None = None
    terminal_ns: int | None = None
    events: int = 0
    deltas: int = 0
    error_codes: list[str | None] = field(default_factory=list)  # of `error` events, as on the wire, cut
    errors: int = 0  # how many there were; the list above is bounded
    unknown: dict[str, int] = field(default_factory=dict)  # by Unknown
    unknown_names: list[str] = field(default_factory=list)  # a bounded sample, for span and log
    invalid: dict[str, int] = field(default_factory=dict)  # by Invalid
    anomalies: dict[str, int] = field(default_factory=dict)  # by Anomaly
    stalled: bool = False
    # events by type: deltas and errors are counted above, all that is left is of no type that is known
    created: int = 0
    status_updates: int = 0
    step_starts: int = 0
    step_stops: int = 0
    completed: int = 0
    stalls: int = 0  # gaps between events over the threshold
    think_ns: int = 0
    server_tool_ns: int = 0
    stream_ns: int = 0
    stall_ns: int | None = None  # when the first stall began
    errors_ns: list[int] = field(default_factory=list)  # when each of error_codes came; a whole body has no times
    unknown_names_ns: list[int] = field(default_factory=list)  # when each of unknown_names came first; the same
    packed_events: str = ""  # the last events, where that is asked for (ring.py)
