"""What a request tells of itself: its route by the path's shape, its model, agent and settings by its body.

Not here: forwarding (the bytes go on untouched, whatever is read here), headers of the transport.
Source: interactions-api.md 1.1 and 2. Promise: nothing raises; a body that can't be read leaves the facts empty.
"""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

from gateway.wire.facts import NAME_MAX_CHARS, Mode, RequestFacts, cut
from gateway.wire.jsontext import load_json
from gateway.wire.outcome import Route
from gateway.wire.whole import WholeBody

MAX_LIST = 16
MAX_FUNCTION_RESULTS = 32  # of one input, the last ones: a history brings the old ones along
MAX_INPUT_ITEMS = 4096  # looked at, from the end
SECRET_PARAMETERS = frozenset(
    {"key", "$key", "access_token", "oauth_token", "token", "api_key", "apikey", "x-goog-api-key", "authorization"}
)
REDACTED = "REDACTED"
# `;` parts parameters for old servers, and a second `?` is easily written: a secret behind them is one all the same
_PARTS = re.compile(r"([&;?])")


def route_of(method: str, path: str) -> tuple[Route, str | None]:
    """The route of a raw request path, and the interaction id in it (decoded).

    The path's shape decides, under any prefix and version: `…/interactions`, `…/interactions/{id}`,
    `…/interactions/{id}/cancel`.
    """
    segments = path.partition("?")[0].split("/")
    if method == "POST" and segments[-1] == "interactions":
        return Route.CREATE, None
    if len(segments) >= 2 and segments[-2] == "interactions" and segments[-1]:
        id_ = cut(unquote(segments[-1]))
        if method == "GET":
            return Route.GET, id_
        if method == "DELETE":
            return Route.DELETE, id_
    cancels = len(segments) >= 3 and segments[-3] == "interactions" and segments[-2] and segments[-1] == "cancel"
    if method == "POST" and cancels:
        return Route.CANCEL, cut(unquote(segments[-2]))
    return Route.PASSTHROUGH, None


def redact_target(target: str) -> str:
    """A request target with the values of secret query parameters replaced, all else as it came."""
    path, mark, query = target.partition("?")
    if not query:
        return target
    parts = []
    for part in _PARTS.split(query):
        name, equals, _ = part.partition("=")
        secret = bool(equals) and unquote_plus(name).strip().lower() in SECRET_PARAMETERS
        parts.append(f"{name}={REDACTED}" if secret else part)
    return path + mark + "".join(parts)


def facts_of_query(facts: RequestFacts, query: str) -> None:
    """What a get says in its query: the value decides, the SDKs send `stream=false` on every plain get."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "stream":
            facts.stream = value.lower() in ("true", "1")
        elif name == "last_event_id":
            facts.last_event_id = cut(value)


def mode_of(facts: RequestFacts, *, streams: bool) -> Mode:
    """How the interaction is delivered. streams: the response is an event stream, or one was asked for."""
    if facts.background:
        return Mode.BACKGROUND
    return Mode.STREAM if streams else Mode.UNARY


class RequestReader:
    """Takes a create's body as it passes; a large one is skimmed, so megabytes of media leave the model readable."""

    def __init__(self) -> None:
        self._body = WholeBody()

    def feed(self, piece: bytes) -> None:
        """The next bytes of the request body."""
        self._body.feed(piece)

    def read_into(self, facts: RequestFacts) -> None:
        """The body is whole: take what it says. Leaves `understood` False when it says nothing readable."""
        data = self._body.data()
        wire = load_json(data) if data else None
        if not isinstance(wire, dict):
            return
        facts.understood = True
        facts.model = cut(wire.get("model"))
        facts.agent = cut(wire.get("agent"))
        facts.stream = wire.get("stream") is True
        facts.background = wire.get("background") is True
        facts.previous_interaction_id = cut(wire.get("previous_interaction_id"))
        facts.continuation = isinstance(wire.get("continuation_token"), str)
        facts.service_tier = cut(wire.get("service_tier"), NAME_MAX_CHARS)
        facts.output_type = _output_type(wire)
        facts.function_results = _function_results(wire.get("input"))
        config = wire.get("generation_config")
        if isinstance(config, dict):
            _read_generation(config, facts)


def _read_generation(config: dict[str, Any], facts: RequestFacts) -> None:
    facts.temperature = _number(config.get("temperature"))
    facts.top_p = _number(config.get("top_p"))
    facts.max_output_tokens = _integer(config.get("max_output_tokens"))
    facts.seed = _integer(config.get("seed"))
    facts.thinking_level = cut(config.get("thinking_level"), NAME_MAX_CHARS)
    stops = config.get("stop_sequences")
    if isinstance(stops, list):
        facts.stop_sequences = [text for stop in stops[:MAX_LIST] if (text := cut(stop, NAME_MAX_CHARS)) is not None]


def _function_results(given: object) -> dict[str, bool]:
    """The function results that the input brings, by call id; of two for one call the later one holds."""
    found: dict[str, bool] = {}
    latest_first = given[: -MAX_INPUT_ITEMS - 1 : -1] if isinstance(given, list) else [given]
    for item in latest_first:
        if isinstance(item, dict) and item.get("type") == "function_result":
            call_id = cut(item.get("call_id"))
            if call_id is not None and call_id not in found:
                found[call_id] = item.get("is_error") is True
                if len(found) == MAX_FUNCTION_RESULTS:
                    break
    return found


def _output_type(wire: dict[str, Any]) -> str | None:
    """The conventions' word for what is asked for, where exactly one thing is."""
    wanted = wire.get("response_format")
    items = wanted if isinstance(wanted, list) else [wanted] if isinstance(wanted, dict) else []
    kinds = {kind for item in items if isinstance(item, dict) and (kind := cut(item.get("type"))) is not None}
    modalities = wire.get("response_modalities")
    if not kinds and isinstance(modalities, list):
        kinds = {modality.lower() for modality in modalities if isinstance(modality, str)}
    return _OUTPUT_TYPES.get(kinds.pop()) if len(kinds) == 1 else None


_OUTPUT_TYPES = {"text": "text", "image": "image", "audio": "speech", "object": "json", "json": "json"}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _integer(value: object) -> int | None:
    return value if type(value) is int and abs(value) < 1 << 63 else None
