"""Answers that can be read in two ways: what of them reached the client, as a careful reader has it.

Not here: the answers (rules_splitting.py). Source: RFC 9112 6.3 and 11.1, RFC 9110 8.6: who passes such an answer on
settles its framing first; h11 reads what came of it.
"""

from __future__ import annotations

import h11

from tests.conformance.messages import Message, head_of

REFUSALS = frozenset({502})


def judge_readings(readings: tuple[bytes, ...], via: str, got: bytes, sent: bytes) -> list[str]:
    """What is wrong with the bytes that the client got. Directly there is nobody to settle anything."""
    if via == "direct":
        return [] if got == sent else [f"client: got {got!r} instead of {sent!r}"]
    if not got:
        return []
    head = head_of(got.partition(b"\r\n\r\n")[0])
    if unsettled := _unsettled(head):
        return [f"client: {unsettled}"]
    try:
        status, body, rest = _by_h11(got)
    except h11.RemoteProtocolError:
        return [f"client: a head that h11 refuses: {head.start!r}, {head.headers}"]
    if rest:
        return [f"client: {rest[:40]!r} behind the answer"]
    if body is None or status in REFUSALS or body in readings:
        return []
    return [f"client: a whole body of {len(body)} bytes: {body[:40]!r}"]


def _unsettled(head: Message) -> str:
    lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
    if lengths and codings:
        return "a length beside a transfer coding"
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        return f"lengths {lengths}"
    return "" if codings in ([], [b"chunked"]) else f"transfer codings {codings}"


def _by_h11(data: bytes) -> tuple[int, bytes | None, bytes]:
    """Status, body and what follows it; None for a body that is broken. Raises h11's error for a head."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "client.test")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    status, body = 0, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            if not status:
                raise
            return status, None, b""
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, body, connection.trailing_data[0]
        elif isinstance(event, h11.ConnectionClosed):
            return status, None, b""
