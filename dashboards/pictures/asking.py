"""Questions to a Prometheus over its HTTP API, and their answers as series of finite numbers.

Not here: which questions (reading.py, filling.py).
Promise: an answer or AskError with the server's own words; numbers that are none (NaN, infinite) are left out, as
Grafana leaves them out.
"""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.pictures.reading import seconds

TIMEOUT_S: Final = 30


class AskError(RuntimeError):
    """What Prometheus answered instead of data, or why there was no answer."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one set of labels: pairs of Unix time and value; one pair for an instant query."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server at a base URL."""

    url: str

    def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Any:
        """The data of an answer."""
        address = f"{self.url.rstrip('/')}{path}?{urllib.parse.urlencode(parameters)}"
        if not address.startswith(("http://", "https://")):
            raise AskError(f"{self.url} is no address of a Prometheus: http://host:port")
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310  checked above
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AskError(_words(error.read())) from error
        except ValueError as error:
            raise AskError(f"{self.url} answers, but not as a Prometheus does") from error
        except OSError as error:
            raise AskError(f"no Prometheus at {self.url}: {error}") from error
        if not isinstance(document, dict) or document.get("status") != "success":
            raise AskError(f"{self.url} answers, but not as a Prometheus does")
        return document["data"]

    def instant(self, expression: str, at_s: float) -> list[Series]:
        """The series that have a number at a time; a scalar is one without labels."""
        data = self.get("/api/v1/query", [("query", expression), ("time", f"{at_s:.3f}")])
        if data["resultType"] == "scalar":
            return _series([{"metric": {}, "values": [data["result"]]}])
        return _series([{"metric": one["metric"], "values": [one["value"]]} for one in data["result"]])

    def over(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """The series that have a number at some step between two times."""
        span = [("start", f"{start_s:.3f}"), ("end", f"{end_s:.3f}"), ("step", f"{step_s:g}")]
        return _series(self.get("/api/v1/query_range", [("query", expression), *span])["result"])

    def series(self, selector: str, start_s: float, end_s: float) -> list[dict[str, str]]:
        """The labels of all series that a selector names and that had a sample between two times."""
        span = [("start", f"{start_s:.3f}"), ("end", f"{end_s:.3f}")]
        found: list[dict[str, str]] = self.get("/api/v1/series", [("match[]", selector), *span])
        return found

    def scrape_interval_s(self) -> float:
        """Between two scrapes, by its configuration; the longest where jobs differ."""
        targets = self.get("/api/v1/targets", [("state", "active")])["activeTargets"]
        return max((seconds(one["scrapeInterval"]) for one in targets), default=60.0)


def _series(found: Sequence[Mapping[str, Any]]) -> list[Series]:
    series = []
    for one in found:
        points = tuple((float(at_s), float(value)) for at_s, value in one["values"])
        finite = tuple(point for point in points if math.isfinite(point[1]))
        if finite:
            series.append(Series(one["metric"], finite))
    return series


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace") or "an empty answer"
