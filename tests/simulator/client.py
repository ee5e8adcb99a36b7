"""A client on a bare socket, which sees what a library would hide: chunks, resets, half answers.

Not here: judging what was seen.
Promise: reads until the server ends the connection; nothing is decoded that the test does not ask for.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as it came: head_lines, raw bytes behind the head, and how the connection ended."""

    status: int
    headers: dict[str, str]
    raw: bytes
    was_reset: bool

    @property
    def is_chunked(self) -> bool:
        return self.headers.get("transfer-encoding") == "chunked"

    @property
    def chunks(self) -> list[bytes]:
        """The chunks that came whole, without the last empty one."""
        rest, found = self.raw, []
        while b"\r\n" in rest:
            size_text, _, rest = rest.partition(b"\r\n")
            size = int(size_text, 16)
            if not size or len(rest) < size + 2:
                break
            found.append(rest[:size])
            rest = rest[size + 2 :]
        return found

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks) if self.is_chunked else self.raw

    @property
    def is_whole(self) -> bool:
        """Whether the framing says that the body came to its end."""
        if self.is_chunked:
            return self.raw.endswith(b"0\r\n\r\n")
        return len(self.raw) == int(self.headers.get("content-length", len(self.raw)))

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one simulator; each call is a connection of its own."""

    port: int

    async def open(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        *,
        version: str = "1.1",
        keep: bool = False,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request and leave the answer to the caller."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method} {target} HTTP/{version}", "host: simulator", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if not keep:
            lines.append("connection: close")
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await writer.drain()
        return reader, writer

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        *,
        version: str = "1.1",
    ) -> Seen | None:
        """The answer, read until the connection ends; None when it ended without one."""
        reader, writer = await self.open(method, target, body, headers, version=version)
        data, was_reset = b"", False
        try:
            while piece := await reader.read(65536):
                data += piece
        except ConnectionResetError:
            was_reset = True
        writer.close()
        head, gap, raw = data.partition(b"\r\n\r\n")
        if not gap:
            return None
        first, *lines = head.decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return Seen(int(first.split(" ")[1]), {name: value for name, _, value in pairs}, raw, was_reset)

    async def create(self, scenario: str, fault: str = "", split: str = "event", **fields: object) -> Seen:
        """Play a scenario by its name; fields are added to the body."""
        headers = {"x-simulator-scenario": scenario, "x-simulator-split": split}
        if fault:
            headers["x-simulator-fault"] = fault
        seen = await self.ask("POST", "/v1/interactions", {"input": "hi", "stream": True, **fields}, headers)
        assert seen is not None
        return seen
