"""The gateway's own answers: which there are, and how they look to a client.

Not here: the upstream's errors (they pass as they came), a response that has begun (it can only be cut).
Source: design.md 3 (own errors), interactions-api.md 7.3: the API's shape, so both SDKs show a clean message.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

import orjson

OWN_ERROR_HEADER = "x-interactions-gateway-error"


class GatewayError(Exception):
    """Never raised itself. code: a closed set, for body, log and metric; status: what the client gets."""

    code: ClassVar[str]
    status: ClassVar[int]


class Rejection(GatewayError):
    """Refused by a limit or by draining, before the upstream saw the request."""


class Draining(Rejection):
    """The gateway is shutting down."""

    code, status = "draining", 503

    def __str__(self) -> str:
        return "the gateway is shutting down and takes no new requests; send it again"


class TooManyExchanges(Rejection):
    """As many exchanges are open as the settings allow."""

    code, status = "max_streams", 503

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} exchanges are open, the most that proxy.max_open_exchanges allows; try again later"


class BodyTooLarge(Rejection):
    """The request body is larger than the settings allow."""

    code, status = "body_too_large", 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"the request body is over the {self.limit_bytes} bytes that proxy.max_request_body_bytes allows"


class BadRequest(Rejection):
    """The request is not what its own head says."""

    code, status = "bad_request", 400

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"the request can't be forwarded: {self.why}"


class HeadTooLarge(Rejection):
    """The request head is larger than any real one."""

    code, status = "header_size", 431

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"the request head is over {self.limit_bytes} bytes"


class TargetTooLong(HeadTooLarge):
    """The request line alone is larger than a head may be."""

    code, status = "url_length", 414


class SlowHead(Rejection):
    """The request head did not come in the time that is allowed."""

    code, status = "slow_header", 408

    def __init__(self, waited_s: float) -> None:
        super().__init__(waited_s)
        self.waited_s = waited_s

    def __str__(self) -> str:
        return f"the request head was not whole after {self.waited_s:g} s (proxy.request_head_timeout_s)"


class Unreachable(GatewayError):
    """The upstream could not be asked: nothing of the request was sent."""

    code, status = "connect_error", 502

    def __init__(self, host: str, why: str) -> None:
        super().__init__(host, why)
        self.host, self.why = host, why

    def __str__(self) -> str:
        return f"the upstream {self.host} could not be reached: {self.why}"


class NameNotFound(Unreachable):
    """The upstream's name has no address."""

    code = "dns_error"


class TLSFailed(Unreachable):
    """The upstream's certificate or handshake failed."""

    code = "tls_error"


class ConnectTimeout(Unreachable):
    """No connection within the time that is set."""

    code = "connect_timeout"


class UpstreamTimeout(GatewayError):
    """No response head within the time that the operator set."""

    code, status = "upstream_timeout", 504

    def __init__(self, waited_s: float) -> None:
        super().__init__(waited_s)
        self.waited_s = waited_s

    def __str__(self) -> str:
        return f"the upstream gave no response head within {self.waited_s:g} s (proxy.response_head_timeout_s)"


class InternalError(GatewayError):
    """A fault of the gateway itself, before anything was sent."""

    code, status = "internal_error", 500

    def __str__(self) -> str:
        return "the gateway failed before the request was sent; its log says where"


def answer(error: GatewayError, *lines: bytes) -> bytes:
    """The whole response a client gets: the API's error body, our code, the header that says whose it is.

    lines: more of its head.

    The connection closes with it: what the client still sends belongs to a request that goes nowhere.
    """
    body = orjson.dumps({"error": {"code": error.code, "message": str(error)}})
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{OWN_ERROR_HEADER}: 1\r\nConnection: close\r\n"
    )
    return b"".join([head.encode(), *(line + b"\r\n" for line in lines), b"\r\n", body])
