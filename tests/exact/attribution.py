"""Whom the run's exchanges are for: what its clients say, and what a gateway must make of that by its settings.

Not here: what else an exchange was (reading.py). Source: design.md 6; telemetry-conventions.md 1.2, 2.2 and 3.2.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECRET: Final = "SECRETMARKER of the fingerprints"
# The families that are told by team, once they are told at all.
BY_TEAM: Final = frozenset(
    {
        *("requests_total", "tokens_total", "errors_total", "time_to_first_delta_seconds_count"),
        *("cost_usd_total", "wasted_tokens_total", "wasted_cost_usd_total"),
    }
)
_ON_BOTH: Final = {"team": "interactions.team", "app": "interactions.app", "user": "user.id"}
_ON_SERVER: Final = {**_ON_BOTH, "client": "interactions.client"}
_ON_INTERACTION: Final = {**_ON_BOTH, "conversation": "gen_ai.conversation.id"}
_IN_LOG: Final = {**{tag: tag for tag in ("team", "app", "user", "conversation")}, "client": "client_name"}
LOG_FIELDS: Final = frozenset(_IN_LOG.values())


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks. headers: what their requests say; tags: what that means; team: their value of the label."""

    headers: Mapping[str, str]
    tags: Mapping[str, str]
    team: str


NOBODY: Final = Who({}, {}, "none")
FIRST: Final = Who({"X-Team": "maps", "X-Thread": "0815"}, {"team": "maps", "conversation": "0815"}, "maps")
EVERYBODY: Final = (
    NOBODY,
    FIRST,
    Who({"x-TEAM": "search", "X-User": "équipe 1"}, {"team": "search", "user": "équipe 1"}, "search"),
    Who(
        {"X-Team": "t-4711", "baggage": "a=b, app=shop%20front;x=y,client=batch,App=c"},
        {"team": "ads", "app": "shop front", "client": "batch"},
        "ads",
    ),
    Who({"X-Team": "too late", "baggage": "app="}, {"team": "too late"}, "other"),
    Who({"X-User": "7", "baggage": "app=%C3%A9"}, {"user": "7", "app": "é"}, "none"),
)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a gateway attributes. config: its settings. everybody: the one team, where all have the same key."""

    config: Mapping[str, object] = field(default_factory=dict)
    everybody: str = ""

    def read(self, who: Who) -> tuple[Mapping[str, str], str]:
        """Tags, and the label `team`; an empty text where there is no such label."""
        if self.everybody:
            return {"team": self.everybody}, self.everybody
        return (who.tags, who.team) if self.config else ({}, "")


NONE: Final = Scheme()
NAMED: Final = Scheme(
    {
        "attribution.team": "header:X-Team",
        "attribution.team_names": "t-4711=ads",
        "attribution.app": "baggage:app",
        "attribution.user": "header:x-user",
        "attribution.conversation": "header:X-Thread",
        "attribution.client": "baggage:client",
        "labels.teams": "search",
        "labels.max_teams": 3,  # search, ads, and that of who comes first
    }
)


def keyed(key: str) -> Scheme:
    """By the key that all clients have."""
    fingerprint = hmac.new(SECRET.encode(), key.encode(), hashlib.sha256).hexdigest()[:12]
    return Scheme(
        {"attribution.team": "key-fingerprint", "attribution.fingerprint_secret": SECRET}, everybody=fingerprint
    )


def who(client: str) -> Who:
    """Who a client is, by its name; the one that runs before all others settles whose team the free place is."""
    return FIRST if "-first" in client else EVERYBODY[zlib.crc32(client.encode()) % len(EVERYBODY)]


def on_server(tags: Mapping[str, str]) -> dict[str, str]:
    """Attributes of the SERVER span."""
    return {name: tags[tag] for tag, name in _ON_SERVER.items() if tag in tags}


def on_interaction(tags: Mapping[str, str]) -> dict[str, str]:
    """Attributes of the interaction's span."""
    return {name: tags[tag] for tag, name in _ON_INTERACTION.items() if tag in tags}


def in_log(tags: Mapping[str, str]) -> dict[str, str]:
    """Fields of the log line."""
    return {_IN_LOG[tag]: value for tag, value in tags.items()}
