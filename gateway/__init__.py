"""A transparent, observing gateway for the Gemini Interactions API.

`create_app(settings)` embeds it in one process. It is imported when asked for: the supervisor imports this package too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.embed import create_app as create_app

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from gateway.embed import create_app

        return create_app
    raise AttributeError(f"module 'gateway' has no attribute {name!r}")
