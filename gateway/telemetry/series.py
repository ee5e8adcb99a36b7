"""How many series a scrape has, said in the scrape itself.

Counted in the text, which holds them all, whoever wrote them: each line that is no comment is one.
"""

from __future__ import annotations

from gateway.telemetry import names
from gateway.telemetry.registry import plain

_EOF = b"# EOF\n"


def with_series(text: bytes, *, openmetrics: bool) -> bytes:
    """The scrape with the family that tells its series, itself included."""
    comments = text.count(b"\n#") + text.startswith(b"#")
    series = text.count(b"\n") - comments + 1
    told = "".join(plain(names.SERIES, [((), series)], openmetrics=openmetrics)).encode()
    return text.removesuffix(_EOF) + told + _EOF if openmetrics else text + told
