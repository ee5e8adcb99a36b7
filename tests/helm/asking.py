"""A client of a container's gateway: one streamed interaction at a time, its bytes held against the simulator's ledger.

Not here: assertions.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from types import TracebackType
from typing import Any, Final, Self

from tests.gateway_process import SimulatorProcess

MODEL: Final = "gemini-3-flash-preview"
TIMEOUT_S: Final = 30.0


class Asking:
    """One request to create an interaction, its response open. Decoded of its framing; a cut shows."""

    def __init__(
        self, port: int, simulator: SimulatorProcess, scenario: str = "text", fault: str = "", key: str = "key"
    ) -> None:
        self._simulator = simulator
        self._last = max((entry["seq"] for entry in simulator.ledger()), default=0)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        headers = {"content-type": "application/json", "x-goog-api-key": key, "x-simulator-scenario": scenario}
        headers |= {"x-simulator-fault": fault} if fault else {}
        body = json.dumps({"model": MODEL, "input": "hi", "stream": True})
        self._connection.request("POST", "/v1beta/interactions", body, headers)
        self._response = self._connection.getresponse()
        self.body = b""
        self.is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def status(self) -> int:
        """The response's status."""
        return self._response.status

    def read_some(self) -> None:
        """Read until something has come."""
        self.body += self._response.read1()

    def read_to_end(self) -> Self:
        """Read until the end, or until the connection is cut."""
        try:
            self.body += self._response.read()
        except (http.client.IncompleteRead, ConnectionError) as error:
            self.body += error.partial if isinstance(error, http.client.IncompleteRead) else b""
            self.is_cut = True
        return self

    def entry(self) -> dict[str, Any]:
        """What the simulator says of it."""
        return self._simulator.ledger(after=self._last)[0]

    def is_exact(self) -> bool:
        """Whether what came is, byte for byte, what the simulator sent."""
        sent: str = self.entry()["body_sha256"]
        return not self.is_cut and hashlib.sha256(self.body).hexdigest() == sent
