"""A client of the run: sends requests that can be told apart, and writes down what became of each.

Not here: which requests (plan.py), what the gateway must say of them (reading.py, books.py, spans.py).
Promise: every request has a User-Agent of its own, so ledger entry, span and client agree on which exchange they mean;
nothing is retried; a client that is to leave does so when it has all that was sent, never after a time.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from gateway.simulator.server import Simulator
from tests.exact.attribution import NOBODY, Who, who

AGENT: Final = "exact/"
HEADER_KEY: Final = "SECRETMARKER-header-key"
BEARER: Final = "SECRETMARKER-bearer"
QUERY_KEY: Final = "SECRETMARKER-query-key"
PROMPT: Final = "CONTENTMARKER prompt"
TIMEOUT_S: Final = 60.0
PAUSE_S: Final = 0.01  # between looks at a condition

_ID = re.compile(rb'"id":\s*"(v1_Sim[0-9a-f]{15})"')


@dataclass(slots=True)
class Did:
    """One request as its client saw it.

    ended: "whole", "broken" (by the other side) or "left" (by this one). status: None when no answer came.
    interaction_id: the last one in the answer. asked: the JSON body that was sent. who: for whom it was.
    """

    key: str
    method: str
    path: str
    asked: Mapping[str, Any]
    traceparent: str = ""
    revision: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ended: str = "broken"
    body: bytes = b""
    who: Who = NOBODY

    @property
    def interaction_ids(self) -> list[str]:
        """Ids in the answer, in order."""
        return list(dict.fromkeys(match.decode() for match in _ID.findall(self.body)))

    @property
    def id(self) -> str:
        """The one id in the answer."""
        (only,) = self.interaction_ids
        return only


async def until(condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Return when a condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {timeout_s:g} s: {what}")
        await asyncio.sleep(PAUSE_S)


class Client:
    """One client with one kept connection: its requests reach one forwarder, in order, while it breaks none."""

    def __init__(self, name: str, gateway_url: str, simulator: Simulator, log: list[Did]) -> None:
        self.name, self._url, self._simulator, self._log = name, gateway_url, simulator, log
        self._sent = 0
        self._session: aiohttp.ClientSession | None = None
        self._peer: Client | None = None

    @property
    def peer(self) -> Client:
        """The same client at the other gateway."""
        assert self._peer is not None, "there is one gateway only"
        return self._peer

    @peer.setter
    def peer(self, peer: Client) -> None:
        self._peer = peer

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            headers={"x-goog-api-key": HEADER_KEY, "Authorization": f"Bearer {BEARER}"},
        )
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def create(
        self,
        scenario: str,
        *,
        subject: Mapping[str, str],
        stream: bool = True,
        path: str = "/v1beta/interactions",
        more: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Did:
        """POST an interaction. subject: {"model": …} or {"agent": …}; more: further fields of the body."""
        body = {**subject, "input": PROMPT, **({"stream": True} if stream else {}), **(more or {})}
        return await self.ask("POST", path, body, scenario=scenario, **how)

    async def get(self, interaction_id: str, query: str = "", **how: Any) -> Did:
        """GET an interaction."""
        return await self.ask("GET", f"/v1beta/interactions/{interaction_id}{query}", **how)

    async def resume(self, interaction_id: str, last_event_id: str, **how: Any) -> Did:
        """Take up a stream behind an event."""
        return await self.get(interaction_id, f"?stream=true&last_event_id={last_event_id}", **how)

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        scenario: str = "",
        fault: str = "",
        split: str = "",
        pace: str = "",
        traceparent: str = "",
        revision: str = "",
        leave_after: int | None = None,
        leave_unanswered: bool = False,
    ) -> Did:
        """Send one request and read its answer, or leave: after so many blocks, or once the upstream has it."""
        self._sent += 1
        key = f"{AGENT}{self.name}.{self._sent}"
        did = Did(key, method, path, dict(body or {}), traceparent, revision, who=who(self.name))
        self._log.append(did)
        headers = {
            "User-Agent": did.key,
            "x-simulator-scenario": scenario,
            "x-simulator-fault": fault,
            "x-simulator-split": split,
            "x-simulator-pace": pace,
            "traceparent": traceparent,
            "Api-Revision": revision,
            **did.who.headers,
        }
        sending = self._send(did, {name: value for name, value in headers.items() if value}, leave_after)
        if not leave_unanswered:
            await sending
            return did
        task = asyncio.create_task(sending)
        await until(lambda: self._arrived(did.key), f"{did.key} is at the upstream")
        task.cancel()
        await asyncio.wait([task])
        did.ended = "left"
        return did

    def _arrived(self, key: str) -> bool:
        return any(key in entry["request"]["user_agents"] for entry in self._simulator.ledger())  # type: ignore[index]

    async def _send(self, did: Did, headers: Mapping[str, str], leave_after: int | None) -> None:
        assert self._session is not None
        data = json.dumps(did.asked).encode() if did.asked else None
        if data is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            response = await self._session.request(
                did.method, self._url + did.path, data=data, headers=headers, allow_redirects=False
            )
        except aiohttp.ClientError:
            return
        did.status, did.headers = response.status, response.headers.copy()
        await self._read(did, response, leave_after)

    async def _read(self, did: Did, response: aiohttp.ClientResponse, leave_after: int | None) -> None:
        packed = response.headers.get("Content-Encoding", "")
        unpack = zlib.decompressobj(wbits=31 if packed == "gzip" else 15) if packed else None
        body = bytearray()
        try:
            while leave_after is None or body.count(b"\n\n") < leave_after:
                chunk = await response.content.readany()
                if not chunk:
                    did.ended = "whole"
                    break
                body += unpack.decompress(chunk) if unpack is not None else chunk
                did.body = bytes(body)
            else:
                did.ended = "left"
        except aiohttp.ClientError:
            did.ended = "broken"
        response.close() if did.ended != "whole" else response.release()
