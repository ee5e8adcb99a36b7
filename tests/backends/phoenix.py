"""A real Arize Phoenix: how to start it, and what it kept.

Source: Phoenix's REST API, /v1/projects/{name}/spans. Kinds of spans are its own (LLM, TOOL, …), links aren't told.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from tests.backends.kept import Kept
from tests.backends.servers import EXPORT_TIMEOUT_S, environment, free_port, server

PAGE_SPANS: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Phoenix:
    """A running one."""

    url: str

    def otel(self, project: str) -> dict[str, str]:
        """What the gateway needs to send there."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": EXPORT_TIMEOUT_S,
            "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={project}",
        }

    def raw_spans(self, project: str) -> list[dict[str, Any]]:
        """Every span of the project, as Phoenix tells it."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": PAGE_SPANS} | ({"cursor": cursor} if cursor else {})
            try:
                with urllib.request.urlopen(f"{self.url}/v1/projects/{project}/spans?{urlencode(query)}") as answer:
                    page = json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 404:  # the first span makes the project
                        return []
                    raise
            found += page["data"]
            cursor = page["next_cursor"]
        return found


@contextmanager
def phoenix() -> Iterator[Phoenix]:
    """One of the test's own."""
    own = environment("phoenix")
    port = free_port()
    env = {
        "PHOENIX_WORKING_DIR": "{data}",
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    url = f"http://127.0.0.1:{port}"
    with server(lambda _: [str(own / "phoenix"), "serve"], env, f"{url}/healthz", own=own):
        yield Phoenix(url)


def kept(span: dict[str, Any]) -> Kept:
    """One of its spans."""
    return Kept(
        trace_id=span["context"]["trace_id"],
        span_id=span["context"]["span_id"],
        parent_id=span["parent_id"] or "",
        name=span["name"],
        is_error=span["status_code"] == "ERROR",
        start_ns=_ns(span["start_time"]),
        end_ns=_ns(span["end_time"]),
        attributes=span["attributes"],
    )


def _ns(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1) * 1000
