"""API keys: the one that a request brings, and the fingerprint that stands for it.

Not here: who asks for it (proxy/attribution.py, cli.py).
Source: RFC 2104.
Promise: no key is kept; without the secret a fingerprint tells nothing of one, not even to who has a list to try.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, unquote_to_bytes

KEY_HEADERS = (b"x-goog-api-key", b"authorization")
KEY_PARAMETER = "key"
KEY_MAX_BYTES = 4096  # more is no key
FINGERPRINT_BYTES = 6


def fingerprint(secret: str, key: bytes) -> str:
    """A key's fingerprint, in hex."""
    return hmac.digest(secret.encode(), key, "sha256")[:FINGERPRINT_BYTES].hex()


def key_of(headers: Mapping[bytes, Sequence[bytes]], target: str) -> bytes | None:
    """The first key of: `x-goog-api-key`, `Authorization: Bearer`, `?key=`; None where there is none.

    headers: values of KEY_HEADERS by their lower-case names. target: the request target as it came.
    """
    for value in headers.get(b"x-goog-api-key", ()):
        if value:
            return _key(value)
    for value in headers.get(b"authorization", ()):
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == b"bearer" and token.strip():
            return _key(token.strip())
    _, _, query = target.partition("?")
    for parameter in query.split("&") if query else ():
        name, _, text = parameter.partition("=")
        if text and unquote(name) == KEY_PARAMETER:
            return _key(unquote_to_bytes(text.encode("utf-8", "surrogateescape")))
    return None


def _key(value: bytes) -> bytes | None:
    return value if len(value) <= KEY_MAX_BYTES else None
