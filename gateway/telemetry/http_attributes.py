"""HTTP attributes of spans: method, route template, redacted URLs.

Not here: attributes of interactions (attributes.py). Source: telemetry-conventions.md 1.5 and 2.1.
Promise: no secret of a query, no user info, and a span name whose number of values is bounded by the API's paths.
"""

from __future__ import annotations

import functools
import re
from urllib.parse import unquote, urlsplit

from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.wire.outcome import Outcome, Route

Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]


class Whole(str):
    """A text that is told whole: it is JSON, and has a bound of its own (trimming.py)."""

    __slots__ = ()


REDACTED = "REDACTED"
OTHER_METHOD = "_OTHER"
SCHEME = "http"  # TLS, if any, ends before us
MAX_PREFIX_SEGMENTS = 8
MAX_TEXT_CHARS = 512
KEPT_TARGETS = 256  # read once: most exchanges are a create on the same one

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_SECRET_NAME = re.compile(r"key|token|secret|password|passwd|auth|signature|credential|\bsig\b", re.IGNORECASE)
_TEMPLATES = {Route.CREATE: "", Route.GET: "/{id}", Route.DELETE: "/{id}", Route.CANCEL: "/{id}/cancel"}
_OUR_ANSWERS = frozenset({Outcome.REJECTED, Outcome.GATEWAY_ERROR})


def server_attributes(record: ExchangeClosed) -> Attributes:
    """Of the SERVER span: the request as the client sent it, the answer as it got it."""
    path, query = split_target(record.target)
    attributes = _method(record)
    _put(attributes, names.URL_SCHEME, SCHEME)
    _put(attributes, names.URL_PATH, path)
    _put(attributes, names.URL_QUERY, query)
    _put(attributes, names.HTTP_ROUTE, route_template(record.route, path))
    _put(attributes, names.HTTP_STATUS, status(record))
    _put(attributes, names.CLIENT_ADDRESS, record.client_address)
    _put(attributes, names.USER_AGENT, record.user_agent)
    _put(attributes, names.PROTOCOL_VERSION, record.http_version)
    _put(attributes, names.EXCHANGE_ID, record.exchange_id)
    _put(attributes, names.OUTCOME, record.outcome.value)
    return attributes


def status(record: ExchangeClosed) -> int | None:
    """The status that the client got; None where it got none."""
    return record.sent_status if record.http_status is None else record.http_status


def client_attributes(record: ExchangeClosed) -> Attributes:
    """Of the upstream request's span."""
    attributes = _method(record) | upstream_attributes(record)
    path, query = split_target(record.target)
    if record.upstream_host and path:
        attributes[names.URL_FULL] = _origin(record) + path + (f"?{query}" if query else "")
    _put(attributes, names.PEER_ADDRESS, record.peer_address)
    if record.outcome not in _OUR_ANSWERS:
        _put(attributes, names.HTTP_STATUS, record.http_status)
    return attributes


def upstream_attributes(record: ExchangeClosed) -> Attributes:
    """Host and port of the upstream."""
    if not record.upstream_host:
        return {}
    return {names.SERVER_ADDRESS: record.upstream_host, names.SERVER_PORT: record.upstream_port}


def method_name(record: ExchangeClosed) -> str:
    """A method for span names: known ones only, clients can invent others."""
    return record.method if record.method in METHODS else "HTTP"


def method_word(method: str) -> str:
    """A method as metrics and attributes say it."""
    return method if method in METHODS else OTHER_METHOD


def server_name(record: ExchangeClosed) -> str:
    """`{method} {route}`; what is no interaction has no route."""
    route = route_template(record.route, split_target(record.target)[0])
    return method_name(record) if route is None else f"{method_name(record)} {route}"


@functools.lru_cache(maxsize=KEPT_TARGETS)
def route_template(route: Route, path: str) -> str | None:
    """The path with ids left out, None where the API has no template."""
    suffix = _TEMPLATES.get(route)
    if suffix is None or not path:
        return None
    segments = path.rstrip("/").split("/")
    # counted from the end: a prefix may hold a segment `interactions` as well
    last = len(segments) - 1 - suffix.count("/")
    if last < 1:
        return None
    return _prefix(segments[:last]) + "/interactions" + suffix


@functools.lru_cache(maxsize=KEPT_TARGETS)
def split_target(target: str) -> tuple[str, str]:
    """Path and redacted query of a request target, which may be absolute."""
    if target and not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return "", ""
        path, query = parts.path, parts.query
    else:
        path, _, query = target.partition("#")[0].partition("?")
    return path, redact(query)


def redact(query: str) -> str:
    """A query with the values of secret parameters left out. The forwarder has done so already; a span leaves the
    house, so this does not rest on it."""
    return "&".join(
        f"{name}={REDACTED}" if equals and _SECRET_NAME.search(unquote(name)) else part
        for part in query.split("&")
        for name, equals, _ in [part.partition("=")]
    )


def _prefix(segments: list[str]) -> str:
    if len(segments) > MAX_PREFIX_SEGMENTS:
        return "/{prefix}"
    parents = ["", *segments]
    return "/".join(
        "{" + parent[:-1] + "}" if parent in ("projects", "locations") else segment
        for parent, segment in zip(parents, segments, strict=False)
    )


def _method(record: ExchangeClosed) -> Attributes:
    if record.method in METHODS:
        return {names.HTTP_METHOD: record.method}
    if not record.method:
        return {}
    return {names.HTTP_METHOD: OTHER_METHOD, names.HTTP_METHOD_ORIGINAL: record.method[:64]}


def _origin(record: ExchangeClosed) -> str:
    host = f"[{record.upstream_host}]" if ":" in record.upstream_host else record.upstream_host
    default = {"http": 80, "https": 443}.get(record.upstream_scheme)
    port = "" if record.upstream_port == default else f":{record.upstream_port}"
    return f"{record.upstream_scheme}://{host}{port}"


def _put(attributes: Attributes, name: str, value: str | int | None) -> None:
    if value is not None and value != "":
        attributes[name] = value[:MAX_TEXT_CHARS] if isinstance(value, str) else value
