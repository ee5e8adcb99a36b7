"""Where the time of each exchange went: the parts in spans, log and scrape, and what the simulator's clock says.

Not here: single points of time (timing.py).
Source: telemetry-conventions.md 3.3 (`phase_seconds`); which phase holds when is said in docs/time.md.
A duration depends on the machine, so it is compared with the sender's and the differences are told. What is exact:
that the parts of an exchange are its whole, and that span, log and scrape say the same of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from tests.exact.facts import Reading
from tests.exact.scrapes import total
from tests.exact.site import Site
from tests.exact.timing import NS_PER_MS, NS_PER_S, Differences
from tests.exact.words import PHASES, SERVER_TOOLS
from tests.otlp_receiver import Span

PREFIX: Final = "interactions.phase."
ROUNDED_MS: Final = 0.00051  # of each number in the log
TOLD: Final = ("think", "server_tool", "stream")


def parts_of(span: Span) -> dict[str, int]:
    """The phases on a SERVER span, ns."""
    return {
        name.removeprefix(PREFIX): round(value * NS_PER_S)
        for name, value in span.attributes.items()
        if name.startswith(PREFIX) and isinstance(value, float)
    }


def compare(site: Site) -> list[str]:
    """All differences, one line each: of every exchange's parts from its whole, of the scrape from all of them."""
    differences: list[str] = []
    logged = {line["exchange_id"]: line for line in site.log}
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    whole_ns = 0
    for key, span in site.arrived.roots.items():
        parts, reading = parts_of(span), site.expected[key][0]
        sums.update(parts)
        counts.update(parts.keys())
        whole_ns += span.end_ns - span.start_ns
        if sum(parts.values()) != span.end_ns - span.start_ns or min(parts.values(), default=1) <= 0:
            differences.append(f"{key}: {parts} are not its {span.end_ns - span.start_ns} ns")
        differences += [f"{key}: {problem}" for problem in _not_possible(reading, parts)]
        line = logged.get(str(span.attributes.get("interactions.exchange.id")), {})
        differences += [f"{key}: {problem}" for problem in _log_differs(line, parts)]
    for phase in PHASES:
        told_ns = round(total(site.final, "phase_seconds_sum", phase=phase) * NS_PER_S)
        told = total(site.final, "phase_seconds_count", phase=phase)
        if (told, told_ns) != (counts[phase], sums[phase]):
            differences.append(f"{phase}: {told:g} times {told_ns} ns, not {counts[phase]} times {sums[phase]}")
    if round(total(site.final, "request_duration_seconds_sum") * NS_PER_S) != whole_ns:
        differences.append(f"all requests took {whole_ns} ns, and the scrape says otherwise")
    return differences


def _log_differs(line: dict[str, Any], parts: dict[str, int]) -> Iterator[str]:
    logged = line.get("phases_ms", {})
    if logged.keys() != parts.keys():
        yield f"the log has {sorted(logged)}, the span {sorted(parts)}"
        return
    for phase, spent_ns in parts.items():
        if abs(logged[phase] - spent_ns / NS_PER_MS) > ROUNDED_MS:
            yield f"{phase} is {logged[phase]} ms in the log, and {spent_ns} ns in the span"


def _not_possible(reading: Reading, parts: dict[str, int]) -> Iterator[str]:
    """Phases that this exchange can't have had, or must have had."""
    types = {step.type for step in reading.steps if not step.whole}
    tools = {f"{tool}_{half}" for tool in SERVER_TOOLS for half in ("call", "result")}
    reads = reading.body_kind == "stream" and reading.deltas + reading.events > 0
    possible = {"gateway", "client_blocked"}
    if reading.outcome != "rejected" and reading.code != "forwarder_died":
        possible |= {"connect", "client_body", "wait"}
        possible |= {"think"} if "thought" in types else set()
        possible |= {"server_tool"} if types & tools else set()
        possible |= {"stream"} if reads or not _is_spoken(reading) else set()
    if extra := parts.keys() - possible:
        yield f"it can't have had {sorted(extra)}"
    if "gateway" not in parts or (reading.entry is not None and "connect" in possible and "connect" not in parts):
        yield f"it must have had more than {sorted(parts)}"


def _is_spoken(reading: Reading) -> bool:
    """Whether the answer is one about an interaction: of another one nobody reads the steps."""
    return (
        reading.route in {"create", "get", "cancel"}
        and reading.body_kind != "other"
        and 200 <= (reading.http_status or 0) < 300
    )


def differences(site: Site) -> Differences:
    """Each stream's thinking, server tools and answer: the gateway's time less the sender's, ms."""
    found = Differences()
    for reading in site.readings:
        span, entry = site.arrived.roots.get(reading.key), reading.entry
        if span is None or entry is None or not entry["events"] or reading.code or not _is_spoken(reading):
            continue
        if reading.body_kind != "stream" or "Content-Encoding" in reading.did.headers:
            continue
        parts, sent = parts_of(span), _sent(reading)
        blocked_ns = parts.get("client_blocked", 0)
        for phase in TOLD:
            if phase in parts or sent[phase]:
                late_ns = parts.get(phase, 0) - sent[phase]
                found.ms[f"{phase}, either way"].append(max(0, abs(late_ns) - blocked_ns) / NS_PER_MS)
    return found


def _sent(reading: Reading) -> Counter[str]:
    """How long each phase was on the sender's clock, ns: after every block, what is open."""
    assert reading.entry is not None
    spent: Counter[str] = Counter()
    open_steps: dict[int, str] = {}
    ids = {step.index: step for step in reading.steps}
    calls: Counter[str] = Counter()
    types: dict[int, str] = defaultdict(lambda: "other")
    phase, since_ns, over = "wait", 0, False
    for event in reading.entry["events"]:
        spent[phase] += event["t_ns"] - since_ns if since_ns else 0
        since_ns = event["t_ns"]
        if "start" in event:
            index, type_ = event["start"]
            open_steps[index] = types[index] = type_
            if type_.endswith("_call") and type_ != "function_call" and ids[index].id is not None:
                calls[str(ids[index].id)] += 1
        if "delta" in event:
            open_steps.setdefault(event["delta"][0], types[event["delta"][0]])
        if "stop" in event:
            type_ = open_steps.pop(event["stop"], "other")
            if type_.endswith("_result"):
                del calls[str(ids[event["stop"]].call_id)]
        over = over or "terminal" in event or "error" in event
        phase = _phase(set(open_steps.values()), bool(calls), over)
    ended_ns = reading.entry["ended_ns"] or since_ns
    spent[phase] += ended_ns - since_ns
    return spent


def _phase(types: set[str], calls: bool, over: bool) -> str:
    tools = {f"{tool}_{half}" for tool in SERVER_TOOLS for half in ("call", "result")}
    if over or types - tools - {"thought"}:
        return "stream"
    if calls or types & tools:
        return "server_tool"
    return "think" if types else "wait"
