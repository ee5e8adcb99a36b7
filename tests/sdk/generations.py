"""The generations of the SDKs that users have, and how each one's requests look on the wire.

Not here: where they are installed (environments.py), what is played with them (matrix.py).
Source: interactions-api.md 1.3 and 8.6; each line was seen at a listener without the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.sdk.environments import js_sdk, python_sdk
from tests.sdk.playing import Sdk

ANY_ACCEPT: Final = "Accept: application/json"
STREAM_ACCEPT: Final = "Accept: text/event-stream"
REVISION: Final = "Api-Revision: 2026-05-20"


@dataclass(frozen=True, slots=True)
class Generation:
    """A version of an SDK.

    target: of a stream without any choice of the caller; marks: beginnings of lines in the head of its request.
    user_agents: how often it sends that header.
    speaks_old: its types are those of the dialect before the steps.
    """

    version: str
    target: str
    marks: tuple[str, ...]
    user_agents: int = 1
    is_js: bool = False
    speaks_old: bool = False

    @property
    def name(self) -> str:
        return f"{'js' if self.is_js else 'py'} {self.version}"

    def sdks(self) -> list[Sdk]:
        """Its flavours, ready to play; installs what is missing."""
        if self.is_js:
            return [js_sdk(self.version)]
        return [python_sdk(self.version), python_sdk(self.version, is_async=True)]


def _twice(version: str, *marks: str) -> tuple[str, ...]:
    agents = (
        f"User-Agent: GeminiNextGenAPIClient/Python {version}",
        f"user-agent: google-genai-sdk/{version} gl-python/",
    )
    return (ANY_ACCEPT, *agents, *marks)


def _javascript(version: str) -> tuple[str, ...]:
    return "accept: text/event-stream", "cookie: ", f"user-agent: google-genai-sdk/{version} gl-node/"


STAINLESS: Final = (
    "X-Stainless-Lang: python",
    "X-Stainless-Package-Version: 1.56.0",
    "X-Stainless-Async: false",
    "x-stainless-retry-count: 0",
)
BETA: Final = "/v1beta/interactions"
STABLE: Final = "/v1/interactions"
DOUBLE_HEADER: Final = Generation("2.8.0", BETA, _twice("2.8.0", REVISION), user_agents=2)
GENERATIONS: Final = (
    Generation("1.56.0", BETA, _twice("1.56.0", *STAINLESS), user_agents=2, speaks_old=True),
    Generation("1.75.0", BETA, _twice("1.75.0"), user_agents=2, speaks_old=True),
    Generation("2.0.0", BETA, _twice("2.0.0", REVISION), user_agents=2),
    DOUBLE_HEADER,
    Generation("2.9.0", BETA, (STREAM_ACCEPT, "user-agent: speakeasy-sdk/python ", REVISION)),
    Generation("2.34.0", BETA, (STREAM_ACCEPT, "user-agent: google-genai-sdk/2.34.0 gl-python/")),
    Generation("3.4.0", STABLE, (STREAM_ACCEPT, "user-agent: google-genai-sdk/3.4.0 gl-python/")),
    Generation("2.32.0", BETA, _javascript("2.32.0"), is_js=True),
    Generation("3.1.0", STABLE, _javascript("3.1.0"), is_js=True),
)
