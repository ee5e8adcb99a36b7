"""A receiver of Alertmanager's webhook: keeps each notification with the time at which it came.

Not here: the Alertmanager (prometheus_process.py). Source: Alertmanager's webhook_config, version 4 of its message.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

PATH: Final = "/alerts"


@dataclass(frozen=True, slots=True)
class Notified:
    """One alert of a notification. status: firing or resolved; at_s: monotonic."""

    at_s: float
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]


class WebhookReceiver:
    """A receiver; use it as a context manager. `url` is what webhook_configs wants."""

    def __init__(self) -> None:
        self._came = threading.Condition()
        self._notified: list[Notified] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver._take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the notifications are kept."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where notifications go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{PATH}"

    @property
    def notified(self) -> list[Notified]:
        """All so far, in order of arrival."""
        with self._came:
            return list(self._notified)

    def first(
        self,
        condition: Callable[[Notified], bool],
        timeout_s: float = 30.0,
    ) -> Notified:
        """The first that satisfies a condition; waits for it. Raises TimeoutError with the names that came."""
        with self._came:

            def found() -> Notified | None:
                return next((one for one in self._notified if condition(one)), None)

            one = self._came.wait_for(found, timeout_s)
            if one is None:
                names = sorted({(came.name, came.status) for came in self._notified})
                raise TimeoutError(f"no such notification came within {timeout_s:g} s; there came {names}")
            return one

    def _take(self, message: Mapping[str, list[dict[str, dict[str, str]]]]) -> None:
        at_s = time.monotonic()
        with self._came:
            for alert in message["alerts"]:
                status = str(alert["status"])
                self._notified.append(Notified(at_s, status, alert["labels"], alert["annotations"]))
            self._came.notify_all()
