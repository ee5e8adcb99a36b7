"""All rows, by group."""

from __future__ import annotations

from tests.conformance import (
    rules_connections,
    rules_downloads,
    rules_endings,
    rules_headers,
    rules_own,
    rules_targets,
    rules_uploads,
)
from tests.conformance.rows import Row
from tests.conformance.rules_hops import HOP_BY_HOP
from tests.conformance.rules_idle import IDLE
from tests.conformance.rules_pieces import PIECES
from tests.conformance.rules_pipelines import PIPELINES
from tests.conformance.rules_smuggling import SMUGGLING
from tests.conformance.rules_splitting import SPLITTING
from tests.conformance.rules_tunnels import TUNNELS

GROUPS: dict[str, list[Row]] = {
    "targets": rules_targets.TARGETS,
    "methods": rules_targets.METHODS,
    "request headers": rules_headers.REQUEST_HEADERS,
    "response headers": rules_headers.RESPONSE_HEADERS,
    "hop by hop": HOP_BY_HOP,
    "request bodies": rules_uploads.REQUEST_BODIES,
    "response bodies": rules_downloads.RESPONSE_BODIES,
    "interim answers": rules_uploads.INTERIM,
    "early answers": rules_uploads.EARLY,
    "HTTP/1.0 clients": rules_connections.OLD_CLIENTS,
    "reuse and pipelining": rules_connections.REUSE,
    "pipelines": PIPELINES,
    "pieces": PIECES,
    "tunnels": TUNNELS,
    "smuggling": SMUGGLING,
    "splitting": SPLITTING,
    "endings": rules_endings.ENDINGS,
    "leaving": rules_endings.LEAVING,
    "idle connections": IDLE,
    "own answers": rules_own.OWN_ERRORS,
}
ROWS = [row for rows in GROUPS.values() for row in rows]
