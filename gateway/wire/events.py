"""The vocabulary of the Interactions stream: one SSE event to one value; what is unknown is a value too.

Not here: what a sequence of events means (interaction.py).
Source: interactions-api.md 3.2, 4 and 8.1; accounting.md 3 and 4.
Promise: any bytes give a value; nothing raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.wire.errors import WireError, error_object
from gateway.wire.facts import NAME_MAX_CHARS, DeltaKind, InteractionFacts, Invalid, cut
from gateway.wire.jsontext import load_json
from gateway.wire.sse import DONE, SSEEvent
from gateway.wire.usage import Reading, read_usage

SERVER_TOOLS = (
    "google_search",
    "google_maps",
    "url_context",
    "code_execution",
    "file_search",
    "mcp_server_tool",
    "retrieval",
    "tool_search",
    "processing",
)
_TOOL_STEPS = frozenset(f"{tool}_{half}" for tool in SERVER_TOOLS for half in ("call", "result"))
STEP_TYPES = _TOOL_STEPS | {"user_input", "model_output", "thought", "function_call", "function_result"}
TIERS = frozenset({"flex", "standard", "priority", "deferred"})
LEGACY_EVENTS = frozenset(
    {"interaction.start", "content.start", "content.delta", "content.stop", "interaction.complete"}
)

_KINDS: dict[str, DeltaKind | None] = {
    "text": DeltaKind.TEXT,
    "text_annotation_delta": None,
    "image": DeltaKind.MEDIA,
    "audio": DeltaKind.MEDIA,
    "video": DeltaKind.MEDIA,
    "document": DeltaKind.MEDIA,
    "thought_summary": DeltaKind.THOUGHT,
    "thought_signature": DeltaKind.THOUGHT,
    "arguments_delta": DeltaKind.TOOL,
    "function_result": DeltaKind.TOOL,
    **dict.fromkeys(_TOOL_STEPS, DeltaKind.TOOL),
}
DELTA_TYPES = frozenset(_KINDS)


@dataclass(slots=True)
class InteractionCreated:
    """`interaction.created`, with what it says of the interaction."""

    interaction: InteractionFacts
    running: Reading | None = None


@dataclass(slots=True)
class StatusUpdate:
    """`interaction.status_update`. status None: it had none that could be read."""

    interaction_id: str | None
    status: str | None
    running: Reading | None = None


@dataclass(slots=True)
class StepStart:
    """`step.start`. type: as on the wire, cut; None when missing. index None: missing or no integer >= 0."""

    index: int | None
    type: str | None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    running: Reading | None = None


@dataclass(slots=True)
class StepDelta:
    """`step.delta`. type None: the delta had none. kind None: of no kind of its own, it counts for `any` only.

    arguments: the fragment of an `arguments_delta`; None when it was left out by skimming.
    """

    index: int | None
    type: str | None
    kind: DeltaKind | None
    arguments: str | None = None
    is_error: bool | None = None
    running: Reading | None = None


@dataclass(slots=True)
class StepStop:
    """`step.stop`. step_usage is this step's own, running is cumulative."""

    index: int | None
    running: Reading | None = None
    step_usage: Reading | None = None


@dataclass(slots=True)
class InteractionCompleted:
    """`interaction.completed`. interaction None: there was none that could be read. final: the usage in it."""

    interaction: InteractionFacts | None
    final: Reading | None = None
    running: Reading | None = None


@dataclass(slots=True)
class ErrorEvent:
    """An `error` event, an object with `error` and no type, or a bare JSON error (bare)."""

    error: WireError
    bare: bool = False
    running: Reading | None = None


@dataclass(slots=True)
class Done:
    """The sentinel, told by its data alone."""


@dataclass(slots=True)
class UnknownEvent:
    """An event of a type this version doesn't know; `legacy`: of the old dialect. name: cut; None when it had none."""

    name: str | None
    legacy: bool = False
    running: Reading | None = None


@dataclass(slots=True)
class InvalidEvent:
    """Data that could not be read as an event."""

    reason: Invalid


Event: TypeAlias = (
    InteractionCreated
    | StatusUpdate
    | StepStart
    | StepDelta
    | StepStop
    | InteractionCompleted
    | ErrorEvent
    | Done
    | UnknownEvent
    | InvalidEvent
)


def read_event(sse: SSEEvent) -> Event:
    """What an SSE event says. Dispatch is on the JSON `event_type`, else an `error` key, else the event's name."""
    if sse.data is None:
        return InvalidEvent(Invalid.SIZE)
    if sse.data == DONE:
        return Done()
    wire = load_json(sse.data)
    if isinstance(wire, Invalid):
        return InvalidEvent(Invalid.SIZE if sse.skimmed else wire)
    if not isinstance(wire, dict):
        return InvalidEvent(Invalid.SHAPE)
    name = wire.get("event_type")
    if not isinstance(name, str):
        if "error" in wire:
            return ErrorEvent(error_object(wire["error"]), running=_metadata_usage(wire))
        name = sse.name
    reader = _READERS.get(name) if name is not None else None
    if reader is not None:
        event = reader(wire)
        if sse.skimmed and isinstance(event, StepDelta) and not event.arguments:
            event.arguments = None  # "" may stand for what was left out
        return event
    if name is None and sse.skimmed:
        return InvalidEvent(Invalid.SIZE)
    return UnknownEvent(cut(name, NAME_MAX_CHARS), legacy=name in LEGACY_EVENTS, running=_metadata_usage(wire))


def read_interaction(wire: dict[str, Any]) -> InteractionFacts:
    """The fields of an interaction object that the books need, each cut to its bound."""
    return InteractionFacts(
        id=cut(wire.get("id")),
        status=cut(wire.get("status"), NAME_MAX_CHARS),
        model=cut(wire.get("model")),
        agent=cut(wire.get("agent")),
        service_tier=cut(wire.get("service_tier"), NAME_MAX_CHARS),
        created=cut(wire.get("created"), NAME_MAX_CHARS),
        updated=cut(wire.get("updated"), NAME_MAX_CHARS),
    )


def read_step(wire: object, index: int | None) -> StepStart:
    """A step object, of a `step.start` or of a whole body."""
    if not isinstance(wire, dict):
        return StepStart(index, None)
    return StepStart(
        index,
        cut(wire.get("type"), NAME_MAX_CHARS),
        id=cut(wire.get("id")),
        call_id=cut(wire.get("call_id")),
        name=cut(wire.get("name")),
    )


def _created(wire: dict[str, Any]) -> Event:
    interaction = wire.get("interaction")
    facts = read_interaction(interaction) if isinstance(interaction, dict) else InteractionFacts()
    return InteractionCreated(facts, _metadata_usage(wire))


def _status_update(wire: dict[str, Any]) -> Event:
    return StatusUpdate(cut(wire.get("interaction_id")), cut(wire.get("status"), NAME_MAX_CHARS), _running_usage(wire))


def _step_start(wire: dict[str, Any]) -> Event:
    start = read_step(wire.get("step"), _index(wire))
    start.running = _metadata_usage(wire)
    return start


def _step_delta(wire: dict[str, Any]) -> Event:
    delta = wire.get("delta")
    running = _metadata_usage(wire) if "metadata" in wire else None
    if not isinstance(delta, dict):
        return StepDelta(_index(wire), None, None, running=running)
    type_ = delta.get("type")
    if not isinstance(type_, str):
        kind = DeltaKind.TEXT if isinstance(delta.get("text"), str) else None
        return StepDelta(_index(wire), None, kind, running=running)
    event = StepDelta(_index(wire), cut(type_, NAME_MAX_CHARS), _KINDS.get(type_), running=running)
    if event.kind is DeltaKind.TOOL:
        fragment, is_error = delta.get("arguments"), delta.get("is_error")
        if type_ == "arguments_delta" and isinstance(fragment, str):
            event.arguments = fragment
        if isinstance(is_error, bool):
            event.is_error = is_error
    return event


def _step_stop(wire: dict[str, Any]) -> Event:
    return StepStop(_index(wire), _running_usage(wire), read_usage(wire.get("step_usage")))


def _completed(wire: dict[str, Any]) -> Event:
    interaction = wire.get("interaction")
    running = _metadata_usage(wire)
    if not isinstance(interaction, dict):
        return InteractionCompleted(None, running=running)
    return InteractionCompleted(read_interaction(interaction), read_usage(interaction.get("usage")), running)


def _error(wire: dict[str, Any]) -> Event:
    return ErrorEvent(error_object(wire.get("error")), running=_metadata_usage(wire))


def _running_usage(wire: dict[str, Any]) -> Reading | None:
    own = read_usage(wire.get("usage"))
    return own if own is not None and not own.usage.is_empty else _metadata_usage(wire) or own


def _metadata_usage(wire: dict[str, Any]) -> Reading | None:
    # typed on deltas only, but its own words say that it may come with any event
    metadata = wire.get("metadata")
    return read_usage(metadata.get("total_usage")) if isinstance(metadata, dict) else None


def _index(wire: dict[str, Any]) -> int | None:
    index = wire.get("index")
    return index if type(index) is int and 0 <= index < 1 << 31 else None


_READERS = {
    "interaction.created": _created,
    "interaction.status_update": _status_update,
    "step.start": _step_start,
    "step.delta": _step_delta,
    "step.stop": _step_stop,
    "interaction.completed": _completed,
    "error": _error,
}
