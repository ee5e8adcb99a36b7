"""The reference page knows all that leaves: each attribute with its type and its spans, each metric and label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.exact.site import Result
from tests.exact.test_exact import report
from tests.exact.words import PREFIX
from tests.otlp_receiver import Span, Value

PAGE: Final = Path(__file__).parents[2] / "docs" / "telemetry.md"
TYPES: Final = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": tuple}
MAINS: Final = ("generate_content", "invoke_agent")


def rows(head: str) -> Iterator[list[str]]:
    """The rows of the page's table whose first column is called so."""
    table = PAGE.read_text(encoding="utf-8").split(f"\n| {head} |", 1)[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")]


def kind(span: Span) -> str:
    """The span, as the page calls it."""
    first = span.name.partition(" ")[0]
    if span.kind == "SERVER":
        return "server"
    if span.kind == "INTERNAL":
        return "tool" if first == "execute_tool" else "step"
    return "interaction" if first in MAINS else "fetch" if first == "fetch_response" else "upstream"


def unknown(place: str, attributes: dict[str, Value], known: list[tuple[re.Pattern[str], str, list[str]]]) -> set[str]:
    """What the page does not say of attributes at a place."""
    found = set()
    for name, value in attributes.items():
        types = {type_ for pattern, type_, on in known if place in on and pattern.fullmatch(name)}
        if not types:
            found.add(f"{name} on {place}: the page has none")
        elif not any(type(value) is TYPES[type_] for type_ in types):
            found.add(f"{name} on {place} is a {type(value).__name__}, the page says {types}")
    return found


def test_every_attribute_is_on_the_page_as_it_is_sent(result: Result, tables: list[str]) -> None:
    known = []
    for name, type_, unit, on, *_ in rows("attribute"):
        assert unit == "" or unit.strip("{}").isalpha()
        pattern = "".join(r"\w+" if part[:1] == "{" else re.escape(part) for part in re.split(r"(\{\w+\})", name))
        known.append((re.compile(pattern), type_, on.split(", ")))
    found: set[str] = set()
    for site in result.sites:
        for span in site.spans:
            found |= unknown(kind(span), dict(span.attributes), known)
            for link in span.links:
                found |= unknown("link", dict(link.attributes), known)
    sent = {name for site in result.sites for span in site.spans for name in span.attributes}
    tables.append(f"{len(known)} rows of attributes on the page, {len(sent)} attributes sent")

    assert not found, report(sorted(found))


def test_every_metric_is_on_the_page_with_its_labels(result: Result) -> None:
    known = {name: (labels, kind) for name, kind, _, labels, *_ in rows("metric")}
    found = set()
    for site in result.sites:
        for name, labels in site.final:
            base = next((end for end in (name, *_families(name)) if end in known), None)
            if base is None:
                found.add(f"{name}: the page has none")
            elif not {label for label, _ in labels} - {"le"} <= set(re.findall(r"\w+", known[base][0])):
                found.add(f"{name}: it has the labels {sorted(labels)}")
            assert not name.startswith(PREFIX)

    assert not found, report(sorted(found))


def _families(name: str) -> list[str]:
    return [name.removesuffix(end) for end in ("_bucket", "_count", "_sum") if name.endswith(end)]
