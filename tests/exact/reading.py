"""What one exchange was, told from the ledger and from what the client did: steps, usage, oddities, outcome.

Not here: the rows that decide (rules.py), what counts when (books.py), spans (spans.py).
Source: accounting.md 1, 3 and 4; the facts that each block of a scenario states, and plain JSON for ids and usages.
Promise: nothing of the gateway's own reading is used. Where the scenario states the figures of a whole answer too,
they must be the same, else the run is worthless: that is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.simulator.catalogue import scenarios
from tests.exact import rules, traffic
from tests.exact import usage as arithmetic
from tests.exact.client import Did
from tests.exact.facts import Entry, Reading, Step
from tests.exact.usage import Usage
from tests.exact.words import CODES, STEP_TYPES, TERMINAL

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_ENDS: Final = {
    "complete": "clean",
    "ended_early": "clean",
    "cut": "cut",
    "rst": "cut",
    "client_gone": "left",
    "no_head": "no_head",
}


def read(did: Did, entry: Entry | None, *, code: str = "", outcome: str = "") -> Reading:
    """Read an exchange. code, outcome: given where the gateway answered by itself."""
    reading = Reading(did, entry, rules.route(did))
    if outcome:
        reading.code, reading.outcome = code, outcome
        # what a limit refuses is not read; what only has nowhere to go is
        reading.understood = entry is not None or outcome != "rejected"
        reading.background = reading.understood and entry is None and did.asked.get("background") is True
        reading.mode = rules.mode(reading) if reading.understood or reading.route == "get" else "unary"
        reading.errors = [("gateway", code)]
        if entry is not None:
            _read_dead(reading, entry)
        return reading
    assert entry is not None
    reading.http_status = entry["status"]
    reading.end = _ENDS[entry["ended"]]
    reading.background = did.asked.get("background") is True and reading.route == "create"
    reading.body_kind = rules.body_kind(entry["content_type"]) if entry["status"] is not None else "other"
    reading.mode = rules.mode(reading)
    speaks = (
        reading.route in {"create", "get", "cancel"}
        and reading.body_kind != "other"
        and 200 <= (entry["status"] or 0) < 300
    )
    final: str | None = None
    if speaks and reading.body_kind == "stream":
        final = _read_stream(reading, entry)
    elif speaks and reading.end == "clean":
        final = _read_body(reading, entry)
    if (reading.http_status or 0) >= 400:
        reading.wire_codes = _http_codes(reading.did.body)
    reading.outcome = rules.outcome(reading, final, speaks=speaks, done=speaks and _done(reading, entry))
    reading.errors += rules.errors(reading)
    _cross_check(reading, entry, speaks)
    return reading


def _read_dead(reading: Reading, entry: Entry) -> None:
    """An exchange whose forwarder died: only its steps and its id had crossed over by then."""
    alive = Reading(reading.did, entry, reading.route)
    _read_stream(alive, entry)
    reading.steps, reading.interaction_id = alive.steps, alive.interaction_id


def _blocks(reading: Reading, entry: Entry) -> list[bytes]:
    """The blocks of the scenario that were sent, placeholders still in them."""
    events = scenarios()[entry["scenario"]].answer.events
    first = 0
    if cursor := entry["request"]["last_event_id"]:
        marker = f'"event_id":"{cursor}"'.encode()
        first = next(n for n, event in enumerate(events) if marker in event.wire) + 1
    return [event.wire for event in events[first : first + len(entry["events"])]]


def _data(block: bytes) -> bytes:
    """The data lines of a block, joined; a block without any is itself a text."""
    lines = [line for line in _LINE_END.split(block) if line.startswith(b"data:")]
    return b"\n".join(line.removeprefix(b"data:").removeprefix(b" ") for line in lines) if lines else block


def _document(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _http_codes(body: bytes) -> list[str]:
    try:
        found = json.loads(body)
    except ValueError:
        return []
    found = found[0] if isinstance(found, list) else found
    code = found["error"].get("code") if isinstance(found, dict) and isinstance(found.get("error"), dict) else None
    return [] if code is None else [str(code)]


def _read_stream(reading: Reading, entry: Entry) -> str | None:
    """Read the blocks that were sent; gives what `interaction.completed` said, `?` for one that said nothing."""
    final: str | None = None
    finals: dict[str, Usage] = {}
    running: Usage | None = None
    open_steps: dict[int, Step] = {}
    current = ""
    reading.interaction_id = None
    for block, facts in zip(_blocks(reading, entry), entry["events"], strict=True):
        if reading.end != "clean" and not block.endswith((b"\n\n", b"\r\r", b"\n\r\n")):
            continue  # a last block without its blank line, and then no clean end: nobody's event
        data = _data(block)
        document = _document(data)
        reading.events += 1
        traffic.note_event(reading, block, data, document, facts)
        _note_oddities(reading, facts, document)
        _note_steps(reading, open_steps, facts, document, data)
        kind = document.get("event_type")
        interaction = document.get("interaction")
        if kind in {"interaction.created", "interaction.completed"} and isinstance(interaction, dict):
            current = interaction.get("id", current)
            _note_interaction(reading, interaction)
        if "status" in facts:
            reading.status = facts["status"]
        if kind == "interaction.completed" or "terminal" in facts:
            final = facts.get("terminal", "?")
            reading.is_terminal_timed = True
            finals.pop(current, None)
        if "final" in facts and isinstance(interaction, dict):
            finals[current] = interaction["usage"]
        if "running" in facts:
            running = document.get("usage") or document["metadata"]["total_usage"]
        if "error" in facts:
            reading.is_terminal_timed = True
    if finals:
        reading.usage = arithmetic.total(list(finals.values())) if len(finals) > 1 else next(iter(finals.values()))
        reading.basis = "final"
    elif running is not None:
        reading.usage, reading.basis = running, "running"
    return final


def _note_interaction(reading: Reading, said: Mapping[str, Any]) -> None:
    assert reading.entry is not None
    scenario = scenarios()[reading.entry["scenario"]]
    if "id" in said:
        # all but one scenario speak of one interaction; of the second one only the client's bytes know the fresh id
        is_other = said["id"] != "v1_SimInteraction0001" and len(reading.did.interaction_ids) > 1
        reading.interaction_id = reading.did.interaction_ids[-1] if is_other else reading.entry["interaction_id"]
    reading.status = said.get("status", reading.status)
    reading.tier = said.get("service_tier", reading.tier)
    reading.is_dated = reading.is_dated or "updated" in said
    for name, own in (("model", scenario.model), ("agent", scenario.agent)):
        if name in said:
            asked = reading.did.asked.get(name)
            setattr(reading, name, asked if asked and own == said[name] else said[name])


def _note_oddities(reading: Reading, facts: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    reading.unknown.update(facts.get("unknown", ()))
    reading.invalid.update(facts.get("invalid", ()))
    reading.anomalies.update(facts.get("anomalies", ()))
    if "error" not in facts:
        return
    reading.error_events += 1
    reading.errors.append(("upstream_event", facts["error"]))
    error = document.get("error")
    if isinstance(error, dict) and error.get("code") is not None:
        reading.wire_codes.append(str(error["code"]))
        reading.folded_codes += facts["error"] == "other"
    if facts["error"] in CODES and reading.wire_error is None:
        reading.wire_error = facts["error"]


def _note_steps(
    reading: Reading, open_steps: dict[int, Step], facts: Mapping[str, Any], document: Mapping[str, Any], data: bytes
) -> None:
    if "start" in facts:
        index, wire_type = facts["start"]
        known = wire_type in STEP_TYPES
        step = Step(index, wire_type if known else "other", None if known else wire_type, started=True)
        said = document.get("step")
        said = said if isinstance(said, dict) else {}
        step.id, step.call_id, step.name = said.get("id"), said.get("call_id"), said.get("name")
        open_steps[index] = step
        reading.steps.append(step)
        step.bytes += len(data)
    if "delta" in facts:
        index, kind = facts["delta"]
        step = _open_step(reading, open_steps, index)
        step.deltas += 1
        step.bytes += len(data)
        delta = document.get("delta")
        if isinstance(delta, dict) and isinstance(delta.get("is_error"), bool):
            step.is_error = delta["is_error"]
        reading.deltas += 1
        reading.kinds |= {"any", kind, *(("output",) if facts.get("output") else ())} - {"other"}
    if "stop" in facts:
        step = _open_step(reading, open_steps, facts["stop"])
        step.closed = True
        step.bytes += len(data)
        step.own_usage = document.get("step_usage")
        del open_steps[facts["stop"]]


def _open_step(reading: Reading, open_steps: dict[int, Step], index: int) -> Step:
    if index not in open_steps:
        open_steps[index] = Step(index, "other")
        reading.steps.append(open_steps[index])
        if reading.route == "get":  # a create's block states it; a resume begins behind the start
            reading.anomalies["step_without_start"] += 1
    return open_steps[index]


def _read_body(reading: Reading, entry: Entry) -> str | None:
    """Read a whole JSON answer: the client's bytes for ids, steps and usage, the scenario's figures for oddities."""
    expected = entry["expected"]
    reading.unknown.update(expected["unknown"])
    reading.invalid.update(expected["invalid"])
    reading.anomalies.update(expected["anomalies"])
    body = _document(reading.did.body)
    status = body.get("status")
    if not isinstance(status, str):
        return "?"
    reading.interaction_id, reading.status = body.get("id"), status
    reading.model, reading.agent, reading.tier = body.get("model"), body.get("agent"), body.get("service_tier")
    reading.is_dated = "updated" in body
    for index, said in enumerate(body.get("steps") or []):
        known = said.get("type") in STEP_TYPES
        step = Step(index, said["type"] if known else "other", None if known else said.get("type"), closed=True)
        step.whole = True
        step.id, step.call_id, step.name = said.get("id"), said.get("call_id"), said.get("name")
        step.is_error = said.get("is_error") is True
        reading.steps.append(step)
    if status in TERMINAL and arithmetic.is_stated(body.get("usage")):
        reading.usage, reading.basis = body["usage"], "final"
    return status


def _done(reading: Reading, entry: Entry) -> bool:
    if reading.body_kind != "stream":
        return False
    return any(_data(block) == b"[DONE]" for block in _blocks(reading, entry))


def _cross_check(reading: Reading, entry: Entry, speaks: bool) -> None:
    """The scenario's own figures of the whole answer must be those that were read off its blocks."""
    expected = entry["expected"]
    if not expected or reading.end != "clean" or not speaks:
        return
    usage = reading.usage or {}
    errors = [error for error in reading.errors if reading.route == "create" or error != ("upstream_event", "failed")]
    read_off = {
        "outcome": reading.outcome,
        "status": reading.status or "",
        "tokens": dict(arithmetic.split(usage)),
        "basis": reading.basis,
        "cached": dict(arithmetic.cached(usage)),
        "steps": [
            {
                "index": step.index,
                "type": step.wire_type or step.type,
                "state": "closed" if step.closed else "open_at_end",
            }
            for step in reading.steps
        ],
        "deltas": reading.deltas,
        "unknown": dict(reading.unknown),
        "invalid": dict(reading.invalid),
        "anomalies": dict(reading.anomalies),
    }
    if reading.route == "create":
        read_off["first_delta_kinds"] = sorted(reading.kinds)
        read_off["errors"] = [list(error) for error in errors]
    for name, value in read_off.items():
        stated = expected[name]
        if name == "steps" and reading.route == "get":
            continue  # the types of a resumed stream's steps come from the original stream
        if name == "steps" and reading.body_kind == "json" and not stated:
            continue  # a finished stream's body states none
        if value != stated:
            reading.disagreements.append(f"{reading.key} {entry['scenario']}: {name}: {value!r}, stated {stated!r}")
