"""The one description of every setting: name, type, default, what is allowed, what it is for.

Not here: where values come from and how mistakes are told (config_sources.py).
Promise: a Settings value is frozen and valid; making one reads no file and no environment. Each value is one that JSON
can hold, since the children of the supervisor get them so (lifeline.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from gateway import addresses, capture
from gateway.patterns import compiled

ENV_PREFIX = "INTERACTIONS_GATEWAY_"
ENV_NESTED = "__"
CONFIG_VARIABLE = ENV_PREFIX + "CONFIG"  # names the file; it is no setting itself

UPSTREAM_ALLOWED = "http:// or https://, host, optional port and path prefix; no user, query or fragment"
PATTERN_MAX_CHARS = 64
LABEL_TEXT = "a text of 1-64 printable characters"
FINGERPRINT = "key-fingerprint"
SECRET_MIN_CHARS = 16

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Their values are keys, which no metric or span may show.
_KEY_NAMES = re.compile(
    r"(api|auth|access|subscription)[-_]?key|authorization|authenticate|token|secret|passw|cookie|credential|assertion|jwt",
    re.IGNORECASE,
)
# They end at this hop, and don't say who asks.
_NO_TAGS = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        "content-length",
    }
)
OWN_NAMESPACES = (
    *("interactions.", "gen_ai.", "http.", "url.", "server.", "client.", "network.", "error.", "user_agent."),
)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")  # an int to Python, hardly what was meant
    return value


def _none_word(value: Any) -> Any:
    # TOML has no null, the environment has only text.
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _address(value: str) -> str:
    addresses.split_address(value)
    return value


def _upstream(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in value:
        raise ValueError(UPSTREAM_ALLOWED)
    if parts.query or parts.fragment or value.endswith(("?", "#")) or not (value.isascii() and value.isprintable()):
        raise ValueError(UPSTREAM_ALLOWED)
    if " " in value or parts.port == 0:  # a port that is no number raises ValueError by itself
        raise ValueError(UPSTREAM_ALLOWED)
    return value.rstrip("/")


def _pattern(value: str) -> str:
    if not 0 < len(value) <= PATTERN_MAX_CHARS or "*" in value[:-1] or not value.isprintable():
        raise ValueError("an exact name, or a prefix and one `*` at its end")
    return value


def _name(value: str) -> str:
    if not 0 < len(value) <= PATTERN_MAX_CHARS or not value.isprintable():
        raise ValueError("words of 1-64 characters")
    return value


def _code(value: str) -> str:
    return _name(value).lower()


def _named(value: Any) -> Any:
    """A table as pairs, which are frozen; the environment says `value=name,value=name`."""
    if isinstance(value, Mapping):
        return tuple(value.items())
    listed = _listed(value)
    if isinstance(value, str):
        return tuple(tuple(part.strip() for part in pair.split("=", 1)) for pair in listed)
    return listed


def _source(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind not in ("header", "baggage") or not _TOKEN.fullmatch(name) or _KEY_NAMES.search(name):
        raise ValueError(SOURCE)
    if kind == "baggage":
        return value  # its keys are case-sensitive
    if name.lower() in _NO_TAGS:
        raise ValueError(SOURCE)
    return f"header:{name.lower()}"


def _team_source(value: str) -> str:
    return value if value == FINGERPRINT else _source(value)


def _secret(value: str | None, info: ValidationInfo) -> str | None:
    if value is None and info.data.get("team") == FINGERPRINT:
        raise ValueError("missing")
    if value is not None and len(value) < SECRET_MIN_CHARS:
        raise ValueError("too short")
    return value


def _label_text(value: str | None) -> str | None:
    if value is not None and (not 0 < len(value) <= PATTERN_MAX_CHARS or not value.isprintable()):
        raise ValueError(LABEL_TEXT)
    return value


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) and value.strip().lower() != capture.AUTO else value


def _lines(value: Any) -> Any:
    if isinstance(value, str):  # of the environment: a comma is a part of many patterns
        return tuple(line.strip() for line in value.splitlines() if line.strip())
    return value


def _expression(value: str) -> str:
    compiled(value)
    return value


def _with_genai(value: tuple[str, ...]) -> tuple[str, ...]:
    if "genai" not in value:
        raise ValueError("a list with genai in it: the others only add to it")
    return value


def _baggage_key(value: str) -> str:
    if not _TOKEN.fullmatch(value) or len(value) > PATTERN_MAX_CHARS or value.startswith(OWN_NAMESPACES):
        raise ValueError(BAGGAGE_KEYS)
    return value


def _path_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value  # for who embeds us


def _readable(value: str | None) -> str | None:
    if value is not None and not Path(value).is_file():
        raise ValueError("a readable file")
    return value


def _json_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.strip() else ()  # its error is a ValueError


def _named_once(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    teams = {budget.name: budget.team for budget in budgets}
    if len({(budget.name, budget.window) for budget in budgets}) != len(budgets):
        raise ValueError("one budget for a name and a window")
    if any(teams[budget.name] != budget.team for budget in budgets):
        raise ValueError("one team for a name")
    return budgets


Address = Annotated[str, AfterValidator(_address)]
Seconds = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=1)]
OptionalSeconds = Annotated[Seconds | None, BeforeValidator(_none_word)]
OptionalDollars = Annotated[
    Annotated[float, BeforeValidator(_no_bool), Field(gt=0, allow_inf_nan=False)] | None, BeforeValidator(_none_word)
]
OptionalCount = Annotated[Count | None, BeforeValidator(_none_word)]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_listed)]
Codes = Annotated[tuple[Annotated[str, AfterValidator(_code)], ...], BeforeValidator(_listed)]
Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
NameByValue = Annotated[tuple[tuple[Annotated[str, Field(min_length=1)], Name], ...], BeforeValidator(_named)]
Source = Annotated[Annotated[str, AfterValidator(_source)] | None, BeforeValidator(_none_word)]
TeamSource = Annotated[Annotated[str, AfterValidator(_team_source)] | None, BeforeValidator(_none_word)]

BaggageKeys = Annotated[tuple[Annotated[str, AfterValidator(_baggage_key)], ...], BeforeValidator(_listed)]

BAGGAGE_KEYS = "a list of keys as baggage has them, none of a namespace that the gateway writes itself"
SECONDS = "a number of seconds above 0"
NAME_PATTERNS = "a list of exact names, or prefixes that end in `*`"
COUNT = "a whole number of at least 1"
SOURCE = 'header:<name> or baggage:<key> of what, by its name, holds no key and travels on, or "none"'


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
    spare_connections: Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=1000)] = _setting(
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
    ca_file: Annotated[
        str | None, BeforeValidator(_none_word), BeforeValidator(_path_text), AfterValidator(_readable)
    ] = _setting(
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
    fingerprint_secret: Annotated[str | None, BeforeValidator(_none_word), AfterValidator(_secret)] = _setting(
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

    keep_ratio: Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=1)] = _setting(
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
    conversation_id_from: Annotated[Literal["chain_root"] | None, BeforeValidator(_none_word)] = _setting(
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

    dialect: Annotated[
        tuple[Literal["genai", "openinference", "langfuse"], ...], BeforeValidator(_listed), AfterValidator(_with_genai)
    ] = _setting(
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

    file: Annotated[str | None, BeforeValidator(_none_word), BeforeValidator(_path_text), AfterValidator(_readable)] = (
        _setting(
            None,
            "prices to use instead of those that come with the gateway; docs/cost.md says its form",
            "a readable TOML file",
        )
    )


class Budget(Section):
    """What may be spent in a window. It stops nothing: it becomes metrics and alerts."""

    name: Annotated[str, AfterValidator(_label_text)] = Field(json_schema_extra={"allowed": LABEL_TEXT})
    usd: Annotated[float, BeforeValidator(_no_bool), Field(gt=0, allow_inf_nan=False)] = Field(
        json_schema_extra={"allowed": "US dollars, a number above 0"}
    )
    window: Literal["daily", "monthly"] = Field(json_schema_extra={"allowed": "daily or monthly"})
    team: Annotated[str | None, AfterValidator(_label_text)] = _setting(
        None, "whose cost counts against it; none: everybody's", "a value of the label team"
    )


class CaptureSettings(Section):
    """Whether prompts and answers are captured, and what of them (docs/content.md)."""

    content: Annotated[
        Literal["auto", "NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"], BeforeValidator(_upper)
    ] = _setting(
        capture.AUTO,
        f"prompts and answers on spans, on log events, on both or on none; auto: as {capture.VARIABLE} says",
        f"auto, {', '.join(capture.MODES[:-1])} or {capture.MODES[-1]}",
    )
    max_bytes: Annotated[int, BeforeValidator(_no_bool), Field(ge=1024, le=1024 * 1024)] = _setting(
        32 * 1024, "of one exchange's content; what is longer is cut", "a whole number from 1024 to 1048576"
    )
    redact: Annotated[
        tuple[Annotated[str, AfterValidator(_expression)], ...], BeforeValidator(_lines), Field(max_length=64)
    ] = _setting(
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
    upstream: Annotated[str, AfterValidator(_upstream)] = _setting(
        "https://generativelanguage.googleapis.com", "the API in front of which the gateway stands", UPSTREAM_ALLOWED
    )
    workers: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=256)] | Literal["auto"] = _setting(
        1, "forwarder processes; auto: one for each usable CPU", "a whole number from 1 to 256, or auto"
    )
    grace_period_s: Annotated[float, BeforeValidator(_no_bool), Field(ge=0, allow_inf_nan=False)] = _setting(
        30.0, "for open exchanges to finish at shutdown", "a number of seconds, 0 or more"
    )
    budgets: Annotated[tuple[Budget, ...], BeforeValidator(_json_list), AfterValidator(_named_once)] = _setting(
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
