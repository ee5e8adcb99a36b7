"""The one description of every setting: name, type, default, what is allowed, what it is for.

Not here: what a value may be (config_values.py); where values come from, how mistakes are told (config_sources.py).
Promise: a Settings value is frozen and valid; making one reads no file and no environment. Each value is one that JSON
can hold, since the children of the supervisor get them so (lifeline.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway import addresses, capture
from gateway.config_values import (
    BAGGAGE_KEYS,
    COUNT,
    FINGERPRINT,
    LABEL_TEXT,
    NAME_PATTERNS,
    SECONDS,
    SECRET_MIN_CHARS,
    SOURCE,
    UPSTREAM_ALLOWED,
    Address,
    BaggageKeys,
    CaptureWord,
    Codes,
    Count,
    Dialects,
    Dollars,
    Expressions,
    FromJson,
    LabelText,
    NameByValue,
    Names,
    Number,
    OptionalChainRoot,
    OptionalCount,
    OptionalDollars,
    OptionalFile,
    OptionalLabelText,
    OptionalSeconds,
    OptionalSecret,
    Patterns,
    Seconds,
    Source,
    TeamSource,
    Upstream,
    Whole,
)

ENV_PREFIX = "INTERACTIONS_GATEWAY_"
ENV_NESTED = "__"
CONFIG_VARIABLE = ENV_PREFIX + "CONFIG"  # names the file; it is no setting itself


def _setting(default: Any, doc: str, allowed: str, **limits: Any) -> Any:
    return Field(default, description=doc, json_schema_extra={"allowed": allowed}, **limits)


class Section(BaseModel):
    """A table of the file: frozen, and a key it doesn't know is a mistake."""

    # a mistake's text must not show a secret; config_sources shows the values of the others
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProxySettings(Section):
    """Limits and timeouts of the forwarding path."""

    path: Literal["auto", "fast", "plain"] = _setting(
        "auto",
        "fast hands bytes on in the callback that brings them; plain uses aiohttp's request handling, at thrice the "
        "cost; auto: fast where its self-test at start passes",
        "auto, fast or plain",
    )
    connect_timeout_s: Seconds = _setting(10.0, "for DNS, connect and TLS to the upstream", SECONDS)
    idle_timeout_s: Seconds = _setting(
        30.0, "an unused connection to the upstream is closed after; less than the upstream allows", SECONDS
    )
    spare_connections: Annotated[Whole, Field(ge=0, le=1000)] = _setting(
        0, "unused connections that a forwarder keeps open ahead of need", "a whole number from 0 to 1000"
    )
    response_head_timeout_s: OptionalSeconds = _setting(
        None, "for the upstream's head; models think for minutes, so none by default", f'{SECONDS}, or "none"'
    )
    request_head_timeout_s: Seconds = _setting(30.0, "for a client to send its request head", SECONDS)
    max_open_exchanges: Count = _setting(10_000, "open exchanges a forwarder; more are answered 503", COUNT)
    max_request_body_bytes: OptionalCount = _setting(
        None, "a larger request body is answered 413; the API has its own limit", f'{COUNT}, or "none"'
    )
    stall_threshold_s: Seconds = _setting(30.0, "a longer gap between events flags the exchange as stalled", SECONDS)
    ca_file: OptionalFile = _setting(
        None, "certificates to trust for the upstream instead of the system's", "a readable file of PEM certificates"
    )
    detail: bool = _setting(
        False, "keep type, index, size and time of the last 512 events of each stream", "true or false"
    )


class LabelSettings(Section):
    """What metric labels may hold; everything else becomes `other`."""

    models: Patterns = _setting(
        ("gemini-*", "deep-research-*", "antigravity-*"),
        "models and agents with a label of their own",
        NAME_PATTERNS,
    )
    max_models: Count = _setting(24, "distinct values of the model label", COUNT)
    codes: Codes = _setting((), "error codes kept as they are, beside the built-in list", "a list of words")
    teams: Names = _setting(
        (), "teams with a label of their own from the start; others get one as they come", "a list of names"
    )
    max_teams: Count = _setting(50, "distinct values of the team label", COUNT)
    max_series: Count = _setting(
        10_000, "series of /metrics; beyond it a new combination of labels counts under `other`", COUNT
    )


class AttributionSettings(Section):
    """Whom an exchange is counted for, as its request says."""

    team: TeamSource = _setting(
        None,
        "what names the team: the label `team`, a span attribute and a log field",
        f"{FINGERPRINT}, {SOURCE}",
    )
    team_names: NameByValue = _setting(
        (), "names to show for fingerprints or values, such as {1c4a… = search}", "a table of value = name"
    )
    fingerprint_secret: OptionalSecret = _setting(
        None,
        "keys the fingerprint of API keys",
        f"a text of at least {SECRET_MIN_CHARS} characters, and is needed for team = {FINGERPRINT}",
        validate_default=True,
        repr=False,
    )
    app: Source = _setting(None, "what names the application: span attribute and log field", SOURCE)
    user: Source = _setting(None, "what names the user: span attribute and log field", SOURCE)
    conversation: Source = _setting(None, "what names the conversation: span attribute and log field", SOURCE)
    client: Source = _setting(None, "what names the calling client: span attribute and log field", SOURCE)
    strip: bool = _setting(False, "keep the headers that are named here from the API", "true or false")


class MetricSettings(Section):
    """What is measured beside our own families."""

    semconv: Literal["off", "v1_41", "latest", "both"] = _setting(
        "off",
        "the same numbers a second time, named as the semantic conventions name them: as last released, as they stand "
        "now, or both",
        "off, v1_41, latest or both",
    )


class TraceSettings(Section):
    """Which traces are kept; where they go is told by the OTEL_* variables."""

    keep_ratio: Annotated[Number, Field(ge=0, le=1)] = _setting(
        1.0, "share of the traces that are kept; the rules below keep more", "a number from 0 to 1"
    )
    keep_errors: bool = _setting(
        True, "keep every trace of an exchange that ended in an error, or had an error event", "true or false"
    )
    keep_stalls: bool = _setting(True, "keep every trace of a stalled stream", "true or false")
    keep_slower_than_s: OptionalSeconds = _setting(
        None, "keep every trace of an exchange that took longer", f'{SECONDS}, or "none"'
    )
    keep_costlier_than_usd: OptionalDollars = _setting(
        None, "keep every trace of an exchange that cost more", 'a number of US dollars above 0, or "none"'
    )
    keep_first_delta_slower_than_s: OptionalSeconds = _setting(
        None, "keep every trace whose client waited longer for the first delta", f'{SECONDS}, or "none"'
    )
    keep_models: Patterns = _setting((), "models and agents whose traces are all kept", NAME_PATTERNS)
    keep_teams: Patterns = _setting((), "teams whose traces are all kept", NAME_PATTERNS)
    early_export_after_s: OptionalSeconds = _setting(
        10.0,
        "finished steps of an exchange that has been open so long are sent before its end, if it is kept already",
        f'{SECONDS}, or "none"',
    )

    inbound: Literal["trusted", "untrusted"] = _setting(
        "trusted",
        "trusted: a client's traceparent is continued; untrusted: it is linked, and the trace is the gateway's own",
        "trusted or untrusted",
    )
    upstream_headers: Literal["pass", "strip", "inject"] = _setting(
        "pass",
        "traceparent, tracestate and baggage: pass them on as they came, strip them, or inject a traceparent that "
        "names the span of the upstream request",
        "pass, strip or inject",
    )
    response_header: bool = _setting(
        False, "tell clients their trace id in x-interactions-trace-id, where it is known by then", "true or false"
    )
    baggage_keys: BaggageKeys = _setting(
        (), "members of a request's baggage that become attributes of its spans, by their keys", BAGGAGE_KEYS
    )
    chain_root: bool = _setting(
        False, "tell on spans the first interaction of the chain, where it is known", "true or false"
    )
    conversation_id_from: OptionalChainRoot = _setting(
        None,
        "what names a span's conversation where no header does: chain_root, the first interaction of the chain",
        'chain_root, or "none"',
    )


class SpanSettings(Section):
    """What spans carry."""

    detail: Literal["basic", "full"] = _setting(
        "basic",
        "full adds span events: first deltas, errors, a stall, the end, unknown names; and, where proxy.detail is on, "
        "the last events of the stream",
        "basic or full",
    )

    dialect: Dialects = _setting(
        ("genai",),
        "for which back ends spans have attributes of their own beside those of the GenAI conventions",
        "a list with genai in it, and openinference or langfuse",
    )
    usage: Literal["full", "none"] = _setting(
        "full",
        "none: no token counts on spans, for who has them on spans of the client's already and adds up over all",
        "full or none",
    )
    usage_by_modality: bool = _setting(True, "token counts on spans by modality too", "true or false")


class UsageSettings(Section):
    """When a usage that is seen again is counted again."""

    poll_window_s: Seconds = _setting(86_400.0, "a poll counts usage of interactions updated this recently", SECONDS)
    remembered_interactions: Count = _setting(100_000, "interactions whose counting is remembered", COUNT)


class PricingSettings(Section):
    """What tokens and calls cost."""

    file: OptionalFile = _setting(
        None,
        "prices to use instead of those that come with the gateway; docs/cost.md says its form",
        "a readable TOML file",
    )


class Budget(Section):
    """What may be spent in a window. It stops nothing: it becomes metrics and alerts."""

    name: LabelText = Field(json_schema_extra={"allowed": LABEL_TEXT})
    usd: Dollars = Field(json_schema_extra={"allowed": "US dollars, a number above 0"})
    window: Literal["daily", "monthly"] = Field(json_schema_extra={"allowed": "daily or monthly"})
    team: OptionalLabelText = _setting(
        None, "whose cost counts against it; none: everybody's", "a value of the label team"
    )


def _named_once(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    teams = {budget.name: budget.team for budget in budgets}
    if len({(budget.name, budget.window) for budget in budgets}) != len(budgets):
        raise ValueError("one budget for a name and a window")
    if any(teams[budget.name] != budget.team for budget in budgets):
        raise ValueError("one team for a name")
    return budgets


class CaptureSettings(Section):
    """Whether prompts and answers are captured, and what of them (docs/content.md)."""

    content: CaptureWord = _setting(
        capture.AUTO,
        f"prompts and answers on spans, on log events, on both or on none; auto: as {capture.VARIABLE} says",
        f"auto, {', '.join(capture.MODES[:-1])} or {capture.MODES[-1]}",
    )
    max_bytes: Annotated[Whole, Field(ge=1024, le=1024 * 1024)] = _setting(
        32 * 1024, "of one exchange's content; what is longer is cut", "a whole number from 1024 to 1048576"
    )
    redact: Expressions = _setting(
        (),
        "regular expressions; what they match in content is replaced, beside keys and tokens, which always are",
        "a list of at most 64 regular expressions (Python's) that match no empty text, without repeats of a group that "
        "holds a repeat or a `|`; in the environment one a line",
    )


class LogSettings(Section):
    """The log on standard output."""

    format: Literal["json", "console", "live"] = _setting(
        "json", "json for machines, console for people, live for one short line an interaction", "json, console or live"
    )
    level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "the least level that is written", "debug, info, warning or error"
    )


class Settings(Section):
    """Every setting of the gateway. `Settings()` is the defaults; config_sources.load() reads file and environment."""

    listen: Address = _setting("127.0.0.1:8080", "where clients connect", addresses.ALLOWED)
    admin: Address = _setting("127.0.0.1:9464", "where metrics and health are", addresses.ALLOWED)
    upstream: Upstream = _setting(
        "https://generativelanguage.googleapis.com", "the API in front of which the gateway stands", UPSTREAM_ALLOWED
    )
    workers: Annotated[Whole, Field(ge=1, le=256)] | Literal["auto"] = _setting(
        1, "forwarder processes; auto: one for each usable CPU", "a whole number from 1 to 256, or auto"
    )
    grace_period_s: Annotated[Number, Field(ge=0, allow_inf_nan=False)] = _setting(
        30.0, "for open exchanges to finish at shutdown", "a number of seconds, 0 or more"
    )
    memory_limit_bytes: OptionalCount = _setting(
        None,
        "what all processes together may have, such as the container's limit: before it is reached, an observer that "
        "has grown is replaced",
        f'{COUNT}, or "none"',
    )
    budgets: Annotated[tuple[Budget, ...], FromJson, AfterValidator(_named_once)] = _setting(
        (),
        "what may be spent, each with a name, usd, window, and team where it is one team's; in the environment as JSON",
        "tables [[budgets]], in the environment a JSON list, each with name, usd, window (daily or monthly), and team "
        "where it is one team's; a name stands once a window, and for one team",
    )
    proxy: ProxySettings = ProxySettings()
    labels: LabelSettings = LabelSettings()
    attribution: AttributionSettings = AttributionSettings()
    metrics: MetricSettings = MetricSettings()
    traces: TraceSettings = TraceSettings()
    spans: SpanSettings = SpanSettings()
    usage: UsageSettings = UsageSettings()
    pricing: PricingSettings = PricingSettings()
    capture: CaptureSettings = CaptureSettings()
    log: LogSettings = LogSettings()
