"""What came of a row: what either side got, against what the other had sent and what the row says.

Not here: playing it (stage.py), what a proxy may change (messages.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import h11

from tests.conformance.messages import Message, Source, differences, read_message
from tests.conformance.readings import judge_readings
from tests.conformance.rows import Row
from tests.conformance.sides import Side

OWN_ERROR = b"x-interactions-gateway-error"


@dataclass(slots=True)
class Scene:
    """What one side did and got, for one request or for all."""

    messages: list[Message | None]
    sent: bytes
    raw: bytes
    end: type[Exception]
    log: bytes = b""

    @classmethod
    def of(cls, side: Side) -> Scene:
        """As it stands now."""
        return cls(side.messages, bytes(side.sent), side.raw, side.end, bytes(side.log))


@dataclass(slots=True)
class Upstream:
    """What happened upstream. scenes: by request; extra: requests that no script was for; logs: all bytes of each
    connection."""

    scenes: list[Scene]
    extra: list[Message | None]
    logs: list[bytes]


def judge(row: Row, via: str, client: Scene, upstream: Upstream, host: bytes | None) -> list[str]:
    """All differences between what happened and what the row says."""
    answers = [message for message in client.messages if message is None or not message.is_interim]
    if row.readings is not None:
        return judge_readings(row.readings, via, client.log, upstream.scenes[0].sent)
    if row.safe:
        return _judge_safe(row, via, answers, upstream)
    found = []
    seen = tuple("nothing" if message is None else f"{message.status} {message.ending}" for message in answers)
    if seen != row.sees:
        found.append(f"client: sees {seen} instead of {row.sees}")
    if via == "gateway" and row.own is not None:
        found += _not_own(answers[-1], row.own)
    requests = [scene.messages[0] if scene.messages else None for scene in upstream.scenes]
    endings = tuple("no head" if message is None else message.ending for message in requests)
    if endings != row.requests:
        found.append(f"upstream: requests {endings} instead of {row.requests}")
    if upstream.extra:
        found.append(f"upstream: unexpected {[message.start if message else None for message in upstream.extra]}")
    found += _compare_requests(client, upstream.scenes, host)
    if row.own is None:
        found += _compare_responses(client, upstream.scenes)
    return found


def _compare_requests(client: Scene, scenes: list[Scene], host: bytes | None) -> list[str]:
    source = Source(client.sent, client.end)
    found = []
    for number, scene in enumerate(scenes):
        sent = read_message(source)
        for got in [message for message in scene.messages if message is not None][:1]:
            if sent is None:
                found.append(f"upstream: request {number} that nobody sent: {got.start!r}")
                continue
            found += differences(f"request {number}", sent, got, host=host)
            if sent.upgrade and not bytes(source.buffer).startswith(scene.raw):
                found.append(f"upstream: {scene.raw[:300]!r} instead of {bytes(source.buffer)[:300]!r}")
    return found


def _compare_responses(client: Scene, scenes: list[Scene]) -> list[str]:
    sent: list[Message] = []
    tail = b""
    for scene in scenes:
        source = Source(scene.sent, scene.end)
        request = scene.messages[0] if scene.messages else None
        while (message := read_message(source, bodyless=request is not None and request.method == b"HEAD")) is not None:
            sent.append(message)
            if message.status == 101:
                tail = source.take_all()
    got = [message for message in client.messages if message is not None]
    if len(got) != len(sent):
        return [f"client: got heads {[one.start for one in got]} of {[one.start for one in sent]}"]
    found = []
    for number, (left, right) in enumerate(zip(sent, got, strict=True)):
        found += differences(f"response {number}", left, right, host=None)
    if not tail.startswith(client.raw):
        found.append(f"client: {client.raw[:300]!r} instead of {tail[:300]!r}")
    return found


def _not_own(got: Message | None, code: str) -> list[str]:
    """What an answer of the gateway's lacks (interactions-api.md 7.3, design.md 3)."""
    if got is None:
        return ["client: no answer of the gateway's"]
    found = []
    if got.values(OWN_ERROR) != [b"1"] or got.values(b"content-type") != [b"application/json"]:
        found.append(f"client: not marked as the gateway's: {got.headers}")
    if got.values(b"connection") != [b"close"]:
        found.append("client: the gateway's own answer does not say that it closes")
    try:
        error = json.loads(got.body)["error"]
    except (ValueError, KeyError, TypeError):
        return [*found, f"client: not the API's error shape: {got.body!r}"]
    if error.get("code") != code or not error.get("message"):
        found.append(f"client: error {error} instead of {code}")
    return found


def _judge_safe(row: Row, via: str, answers: list[Message | None], upstream: Upstream) -> list[str]:
    """Refused, or exactly one request upstream: never more, and never something of which h11 makes more."""
    if via == "direct":
        return [] if upstream.logs == [row.sent] else [f"upstream: got {upstream.logs} instead of what the row sends"]
    first = answers[0] if answers else None
    counts = [requests_by_h11(log) for log in upstream.logs]
    if sum(counts) == 0 and not any(upstream.logs):
        if first is not None and first.status < 400:
            return [f"client: {first.start!r} from nowhere"]
        return _not_own(first, "bad_request") if via == "gateway" else []
    if counts != [1]:
        return [f"upstream: h11 reads {counts} requests in {upstream.logs}"]
    return []


def requests_by_h11(data: bytes) -> int:
    """How many requests a careful server reads in the bytes of one connection; -1 where it refuses them."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    count = 0
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                count += 1
            elif isinstance(event, h11.EndOfMessage):
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    connection.start_next_cycle()
                else:
                    return count
            elif event in (h11.NEED_DATA, h11.PAUSED):
                return count
    except h11.RemoteProtocolError:
        return -1
