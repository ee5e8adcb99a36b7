"""Whom an exchange is for, on its spans and in its log line.

Not here: the metric label (labels.py), where the values stand in a request (proxy/attribution.py).
Source: telemetry-conventions.md 1.2 and 2.2. A conversation's id is for the spans of the interaction only: it names no
other kind of span. The calling client is the SERVER span's; team, application and user are on both, since not every
exchange has an interaction's span.
"""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.http_attributes import Attributes

_BOTH = {"team": names.TEAM, "app": names.APP, "user": names.USER_ID}
_SERVER = {**_BOTH, "client": names.CLIENT_NAME}
_INTERACTION = {**_BOTH, "conversation": names.CONVERSATION_ID}
_FIELDS = {"client": "client_name"}  # `client` is its address


def server_tags(tags: dict[str, str]) -> Attributes:
    """Of the SERVER span."""
    return {name: tags[tag] for tag, name in _SERVER.items() if tag in tags} if tags else {}


def interaction_tags(tags: dict[str, str]) -> Attributes:
    """Of the interaction's span."""
    return {name: tags[tag] for tag, name in _INTERACTION.items() if tag in tags} if tags else {}


def tag_fields(tags: dict[str, str]) -> dict[str, str]:
    """Of the log line."""
    return {_FIELDS.get(tag, tag): value for tag, value in tags.items()} if tags else {}
