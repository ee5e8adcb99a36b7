"""Many durations in little memory, and their percentiles; the lowest of several rounds.

Promise: a percentile is within 1 % of the true one; a merge of two is what both together would have been.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Self

_SUB_BITS: Final = 7  # 128 buckets for each power of two


class Distribution:
    """Durations in ns, 0 or more."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.max_ns = 0

    @classmethod
    def of(cls, values_ns: Iterable[int]) -> Self:
        """Of these."""
        made = cls()
        made.add(values_ns)
        return made

    @property
    def count(self) -> int:
        """How many there are."""
        return self._buckets.total()

    def add(self, values_ns: Iterable[int]) -> None:
        """Count these too."""
        buckets = self._buckets
        for value in values_ns:
            shift = max(0, value.bit_length() - _SUB_BITS - 1)
            buckets[(shift << _SUB_BITS) + (value >> shift)] += 1
            self.max_ns = max(self.max_ns, value)

    def merge(self, other: Distribution) -> None:
        """Count the other's too."""
        self._buckets.update(other._buckets)
        self.max_ns = max(self.max_ns, other.max_ns)

    def ms(self, share: float) -> float:
        """The percentile of that share, in ms; nan of none."""
        wanted = max(1, math.ceil(share * self.count))
        if share >= 1:
            return self.max_ns / 1e6 if self.count else math.nan
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                shift = max(0, (bucket >> _SUB_BITS) - 1)
                low = (bucket - (shift << _SUB_BITS)) << shift
                return (low + (1 << shift) / 2 - 0.5) / 1e6
        return math.nan

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return {"max_ns": self.max_ns, "buckets": sorted(self._buckets.items())}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """From another process."""
        made = cls()
        made.max_ns = value["max_ns"]
        made._buckets.update(dict(value["buckets"]))
        return made
