"""How log lines of every process look: structlog to standard output, in the chosen format and from the chosen level.

Not here: the line of an ended exchange (telemetry/log.py), the supervisor's own few lines (it imports nothing).
Promise: a line is one write, so lines of several processes never mix; a closed output costs lines, nothing else.
"""

from __future__ import annotations

import logging
import os
import traceback
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from gateway.config import LogSettings


_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

MESSAGE_MAX_CHARS = 300


class OneWrite:
    """A logger that writes a whole line at once and survives a reader that went away."""

    def msg(self, line: str) -> None:
        """Write the line."""
        try:
            os.write(1, line.encode("utf-8", "replace") + b"\n")
        except OSError:
            pass

    debug = info = warning = warn = error = exception = critical = log = msg


def configure(settings: LogSettings) -> None:
    """Set structlog up for this process."""
    renderer: Any = structlog.processors.JSONRenderer()
    exceptions: Any = structlog.processors.format_exc_info
    if settings.format != "json":
        renderer, exceptions = structlog.dev.ConsoleRenderer(colors=os.isatty(1)), _as_it_is
    logging.basicConfig(handlers=[_Libraries(logging.WARNING)], force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exceptions,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=lambda *_: OneWrite(),
        cache_logger_on_first_use=False,
    )


class _Libraries(logging.Handler):
    """What aiohttp and asyncio log, in our lines; of exceptions the kind only: their texts may quote what passed."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[0] if record.exc_info else None
        structlog.get_logger().warning(
            "library_warning",
            library=record.name,
            message=record.getMessage()[:MESSAGE_MAX_CHARS] if fault is None else str(record.msg)[:MESSAGE_MAX_CHARS],
            kind=fault.__name__ if fault else None,
            where=_innermost(record),
        )


def _innermost(record: logging.LogRecord) -> str | None:
    if not record.exc_info:
        return None
    frames = traceback.extract_tb(record.exc_info[2])
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else None  # noqa: PTH119


def _as_it_is(_logger: Any, _method: str, event: Any) -> Any:
    return event
