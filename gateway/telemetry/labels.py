"""Label values from closed sets: models and teams folded, error codes normalised, everything else checked.

Not here: the domains' words (names.py). Source: telemetry-conventions.md 3.2, accounting.md 5.
Promise: whatever the wire says, each label has a bounded number of values, and every fold is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from http import HTTPStatus

from gateway.telemetry import names

Overflow = Callable[[str], None]  # told the label whose value was folded

MODEL_MAX_CHARS = TEAM_MAX_CHARS = 128  # a longer name is no model's, and no team's
ROUTE_MAX_CHARS = 256
API_BASES = ("/v1", "/v1beta", "/v1beta1/projects/{project}/locations/{location}")
API_ENDS = ("", "/{id}", "/{id}/cancel")
MAX_OWN_CODES = 40

_OWN_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HTTP_CODES = frozenset(str(status.value) for status in HTTPStatus if status >= 400)


class ModelLabels:
    """The model label: names that match a pattern, at most `cap` of them.

    Exact names of the settings have their place from the start. A name that matches a prefix gets one only when the
    upstream accepted an exchange with it: otherwise requests for made-up names could use up all places.
    """

    def __init__(self, patterns: Iterable[str], cap: int, overflow: Overflow) -> None:
        self._admitted: set[str] = set()
        self._overflow = overflow
        self.update(patterns, cap)

    def update(self, patterns: Iterable[str], cap: int) -> None:
        """Follow changed settings. What has a place keeps it, for there are series of it."""
        patterns = tuple(patterns)
        self._prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
        self._admitted.update([pattern for pattern in patterns if not pattern.endswith("*")][:cap])
        self._cap = cap

    def fold(self, model: str | None, *, accepted: bool) -> str:
        """The label value for a model or agent as on the wire; `none` when there was none."""
        if not model:
            return names.NONE
        if model in self._admitted:
            return model
        if accepted and self._fits(model) and len(self._admitted) < self._cap:
            self._admitted.add(model)
            return model
        self._overflow("model")
        return names.OTHER

    def _fits(self, model: str) -> bool:
        return len(model) <= MODEL_MAX_CHARS and model.isprintable() and model.startswith(self._prefixes)


class TeamLabels:
    """The team label: at most `cap` teams.

    Those of the settings have their place from the start; another one gets one when the upstream accepted an exchange
    of it: otherwise requests of made-up teams could use up all places.
    """

    def __init__(self, known: Iterable[str], shown: Iterable[tuple[str, str]], cap: int, overflow: Overflow) -> None:
        """known: names of teams. shown: values of requests with the names to show for them, which are known too."""
        self._admitted: set[str] = set()
        self._overflow = overflow
        self.update(known, shown, cap)

    def update(self, known: Iterable[str], shown: Iterable[tuple[str, str]], cap: int) -> None:
        """Follow changed settings. What has a place keeps it, for there are series of it."""
        self._shown = dict(shown)
        self._admitted.update(list(dict.fromkeys([*known, *self._shown.values()]))[:cap])
        self._cap = cap

    def name(self, value: str) -> str:
        """The name to show for a request's value."""
        return self._shown.get(value, value)

    def fold(self, name: str | None, *, accepted: bool) -> str:
        """The label value for a name; `none` when there was none."""
        if not name or name == names.NONE:
            return names.NONE
        if name in self._admitted:
            return name
        if accepted and len(self._admitted) < self._cap and self._fits(name):
            self._admitted.add(name)
            return name
        self._overflow("team")
        return names.OTHER

    def _fits(self, name: str) -> bool:
        return len(name) <= TEAM_MAX_CHARS and name.isprintable() and name != names.OTHER


class RouteLabels:
    """Templates of paths: the API's own, and a few more, since any prefix may stand before `/interactions`."""

    def __init__(self, more: int, overflow: Overflow) -> None:
        """more: how many beside the API's own; clients can invent them without end."""
        self._admitted = {f"{base}/interactions{end}" for base in API_BASES for end in API_ENDS}
        self._cap = len(self._admitted) + more
        self._overflow = overflow

    def fold(self, template: str | None, *, accepted: bool) -> str:
        """The template; empty for none, and for a new one that the upstream didn't accept, or that has no place."""
        if template is None or template in self._admitted:
            return template or ""
        if accepted and len(self._admitted) < self._cap and len(template) <= ROUTE_MAX_CHARS:
            self._admitted.add(template)
            return template
        self._overflow("route")
        return ""


class CodeLabels:
    """The code label of errors, by who made the error."""

    def __init__(self, more_codes: Iterable[str], overflow: Overflow) -> None:
        self._wire = names.WIRE_CODES
        self._own: set[str] = set()
        self._overflow = overflow
        self.update(more_codes)

    def update(self, more_codes: Iterable[str]) -> None:
        """Follow changed settings. What was listed stays, for there may be series of it."""
        self._wire |= {code.lower() for code in more_codes}

    def wire(self, code: str | None) -> str:
        """A code of the wire; `other` when there is none or it isn't listed."""
        known = self.known(code)
        if known is None:
            if code:
                self._overflow("code")
            return names.OTHER
        return known

    def known(self, code: str | None) -> str | None:
        """A code of the wire in its short form, None when it isn't listed. Counts nothing."""
        short = short_code(code)
        return short if short in self._wire else None

    def http(self, status: int | None) -> str:
        """A status of 400 or more."""
        text = str(status)
        if text in _HTTP_CODES:
            return text
        self._overflow("code")
        return names.OTHER

    def own(self, code: str | None) -> str:
        """A code of the gateway's own answers. They are few; the cap guards against a mistake of ours."""
        if code is None:
            return names.OTHER
        if code in self._own:
            return code
        if len(self._own) < MAX_OWN_CODES and _OWN_CODE.fullmatch(code):
            self._own.add(code)
            return code
        self._overflow("code")
        return names.OTHER


def short_code(code: str | None) -> str | None:
    """A wire code as one lower-case word: a URI gives its last path segment."""
    if not code:
        return None
    path = re.split(r"[?#]", code, maxsplit=1)[0]
    return path.rstrip("/").rpartition("/")[2].lower() or None


def closed(value: str, domain: Collection[str], label: str, overflow: Overflow) -> str:
    """A value of a closed set, or `other`, counted."""
    if value in domain:
        return value
    overflow(label)
    return names.OTHER


def tier(value: str | None, overflow: Overflow) -> str:
    """The service tier; `none` where the API named none."""
    return names.NONE if value is None else closed(value, names.TIER_DOMAIN, "tier", overflow)
