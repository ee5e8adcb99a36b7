"""What joins over gateways and restarts: links against all spans there are, and tokens that two gateways counted.

Not here: links of one gateway's spans against its own memory (traces.py), which tokens count in one (books.py).
Source: design.md 6, accounting.md 2 and 7. The truth is who created which interaction, and with a traceparent or not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.exact import traces
from tests.exact import usage as arithmetic
from tests.exact.facts import Reading
from tests.exact.site import Result, Site
from tests.exact.spans import derived

RELATIONS: Final = ("previous_interaction", "continuation", "poll", "resume", "cancel")
PLACES: Final = ("here", "other gateway", "earlier life")
NOBODY: Final = "nobody"

Way: TypeAlias = tuple[str, str, str]  # relation, basis, and where the target was made: one of PLACES, or NOBODY


@dataclass(slots=True)
class Links:
    """All links. ways: how many there are; dangling: those of them whose target nobody exported."""

    ways: Counter[Way] = field(default_factory=Counter)
    dangling: Counter[Way] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> list[str]:
        """One line each."""
        lines = [f"{'links: relation':<22} {'basis':<8} {'to a span made':<16} {'n':>5} {'dangling':>9}"]
        for way, count in sorted(self.ways.items()):
            lines.append(f"{way[0]:<22} {way[1]:<8} {way[2]:<16} {count:>5} {self.dangling[way]:>9}")
        return lines

    def unseen(self) -> list[str]:
        """What the run was to show and did not."""
        wanted = [(relation, "known", "here") for relation in RELATIONS]
        wanted += [(relation, "derived", place) for relation in RELATIONS for place in PLACES[1:]]
        missing = [f"no link {way}" for way in wanted if not self.ways[way]]
        dangle = [("previous_interaction", "derived", place) for place in (*PLACES[1:], NOBODY)]
        dangle += [("poll", "derived", place) for place in (*PLACES[1:], NOBODY)]
        return missing + [f"no dangling link {way}" for way in dangle if not self.dangling[way]]


def is_interaction(reading: Reading) -> bool:
    """Whether an exchange came to the API and was about an interaction."""
    answered = reading.outcome not in {"forwarded", "rejected", "gateway_error"}
    return answered and reading.route in {"create", "get", "cancel"}


def read(result: Result) -> Links:
    """Look at every link that is to be there (which traces.py holds against those that are), and where it leads."""
    links = Links()
    makers = _makers(result)
    exported = {(span.trace_id, span.span_id) for site in result.sites for span in site.spans}
    for site in result.sites:
        for reading, tree in site.expected.values():
            for expected in (tree, *tree.children):
                wanted = traces.targets(expected.links, site.arrived)
                for link, (relation, basis, *target) in zip(expected.links, wanted, strict=True):
                    if link.span is not None:
                        continue  # of a client, whose spans nobody has here
                    maker = makers.get(link.to)
                    way = relation, basis, _place(site, maker)
                    links.ways[way] += 1
                    dangles = (target[0], target[1]) not in exported
                    links.dangling[way] += dangles
                    if problem := _problem(basis, dangles, (target[0], target[1]), maker):
                        links.wrong.append(f"{reading.key}, {way}: {problem}")
    return links


def _problem(basis: str, dangles: bool, target: tuple[str, str], maker: tuple[Site, Reading] | None) -> str:
    if maker is None:
        return "" if basis == "derived" and dangles else "it leads somewhere, and nobody made that interaction"
    site, reading = maker
    main = site.arrived.main(reading.key)
    is_named = main is not None and (main.trace_id, main.span_id) == target
    if basis == "derived" and reading.parent is not None:
        own = target == derived(reading.interaction_id or "")
        return "" if dangles and own else "a traceparent made that span, so nothing follows from its interaction's id"
    return "" if is_named and not dangles else f"it names {target}, not the interaction's span of {reading.key}"


def _place(site: Site, maker: tuple[Site, Reading] | None) -> str:
    if maker is None:
        return NOBODY
    made_at = maker[0].name
    if made_at == site.name:
        return PLACES[0]
    return PLACES[1] if made_at.endswith("2") == site.name.endswith("2") else PLACES[2]


def _makers(result: Result) -> dict[str, tuple[Site, Reading]]:
    """Who created which interaction through a gateway."""
    return {
        reading.interaction_id: (site, reading)
        for site in result.sites
        for reading in site.readings
        if reading.route == "create" and reading.interaction_id
    }


@dataclass(slots=True)
class Counted:
    """Tokens by interaction and site: how many were counted, and how many the API had stated at last in that site."""

    tokens: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """Where a gateway counted another number than it saw stated."""
        return [
            f"{interaction} at {name}: {counted} tokens, {stated} were stated"
            for interaction, sites in self.tokens.items()
            for name, (counted, stated) in sites.items()
            if counted != stated
        ]

    @property
    def twice(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Interactions that more than one gateway, or a second life of one, counted."""
        return {interaction: sites for interaction, sites in self.tokens.items() if len(sites) > 1}


def counted(result: Result) -> Counted:
    """Add up the accounts of each interaction at each gateway."""
    found = Counted()
    for site in result.sites:
        for account in site.books.accounts:
            reading = account.reading
            if account.via and reading.interaction_id and reading.usage is not None:
                sites = found.tokens.setdefault(reading.interaction_id, {})
                before, _ = sites.get(site.name, (0, 0))
                sites[site.name] = before + account.tokens.total(), arithmetic.split(reading.usage).total()
    return found
