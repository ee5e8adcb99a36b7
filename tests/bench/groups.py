"""A group of connections that ask for one payload: what they are to do, and what they saw.

Not here: how they do it (client.py), which groups there are (scenarios.py). Both cross between processes as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

from tests.bench.distribution import Distribution
from tests.bench.payload import MODEL, payload

FAULTS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Group:
    """Connections that do the same.

    spec: the answer they ask for. connections: how many, opened evenly over ramp_s. loop: each asks again until seconds
    are over, on the same connection; else each asks once, and closes. keep: answers are checked after the measured
    window, as those of groups that don't loop: to check a large one would make the others of the process wait.
    """

    name: str
    port: int
    spec: str
    connections: int
    loop: bool = False
    seconds: float = 0.0
    ramp_s: float = 0.0
    tls: bool = False
    keep: bool = False
    path: str = "/v1beta/interactions"

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """As `asdict` gave it."""
        return cls(**value)

    def request(self) -> bytes:
        """The request of each."""
        body = b'{"model":"%b","input":"Count from 1 to 25.","stream":%b}' % (
            MODEL.encode(),
            b"true" if payload(self.spec).is_stream else b"false",
        )
        return (
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nUser-Agent: bench\r\n"
            b"x-goog-api-key: bench-key\r\nx-bench: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (self.path.encode(), self.port, self.spec.encode(), len(body), body)
        )


@dataclass(slots=True)
class Seen:
    """What a group saw. Durations are Distributions.

    deltas: all that came, in so many reads. delta: stamp to arrival, of the deltas sent while all streams flowed.
    first: from asking (of a connection's first request: from connecting) to the first delta, or to the first byte where
    nothing is stamped. whole: from asking to the end. gaps: between deltas that were measured; stalls: gaps over twice
    the pace.
    """

    requests: int = 0
    deltas: int = 0
    reads: int = 0
    gaps: int = 0
    stalls: int = 0
    stalled_streams: int = 0
    wrong: int = 0
    faults: list[str] = field(default_factory=list)
    delta: Distribution = field(default_factory=Distribution)
    first: Distribution = field(default_factory=Distribution)
    whole: Distribution = field(default_factory=Distribution)

    def fault(self, text: str) -> None:
        """Count what went wrong; the first are kept in words."""
        self.wrong += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(text)

    def to_json(self) -> dict[str, Any]:
        """For the process that asked."""
        value = {name: getattr(self, name) for name in self.__slots__}
        return {name: one.to_json() if isinstance(one, Distribution) else one for name, one in value.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """As it came from the load process."""
        durations = {name: Distribution.from_json(value[name]) for name in ("delta", "first", "whole")}
        return cls(**{**value, **durations})
