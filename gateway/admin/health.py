"""Whether this gateway serves: what the observer knows of its forwarders and of the shutdown.

Not here: HTTP (app.py), the upstream's health (a metric, not a probe: design.md 7).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Health:
    """Set by whoever hears of it: the observer, or the embedding application."""

    draining: bool = False
    forwarders_expected: int = 1
    forwarders_connected: int = 0

    @property
    def ready(self) -> bool:
        """Whether new requests are welcome: all forwarders are there and nothing is shutting down."""
        return not self.draining and self.forwarders_connected >= self.forwarders_expected

    @property
    def reason(self) -> str | None:
        """Why it is not ready, in one word; None when it is."""
        if self.draining:
            return "draining"
        return None if self.ready else "forwarders_missing"
