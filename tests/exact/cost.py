"""What the run costs: a price file of the run's own, and every figure that follows from it, in fractions.

Not here: which usage counts (books.py). Source: accounting.md 6, docs/cost.md.
Promise: nothing of the gateway's pricing is used. Prices are odd on purpose, so that one mixed up for another shows;
one model has none, and sizes of context lie among those of the scenarios.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.exact import usage as arithmetic
from tests.exact.attribution import BY_TEAM
from tests.exact.facts import Reading
from tests.exact.usage import Usage
from tests.exact.words import MODALITIES, PREFIX, SERVER_TOOLS
from tests.otlp_receiver import Value

Sample: TypeAlias = tuple[str, frozenset[tuple[str, str]]]
Price: TypeAlias = str | Mapping[str, str]

WASTE: Final = frozenset({"client_abort", "upstream_abort", "truncated", "stream_error", "failed"})
TIERS: Final = frozenset({"standard", "flex", "priority", "deferred"})
GROUNDING: Final = frozenset({"google_search", "google_maps", "retrieval"})
FAMILIES: Final = frozenset(
    {
        *("cost_usd_total", "cost_unpriced_tokens_total", "cost_unpriced_calls_total"),
        *("wasted_tokens_total", "wasted_cost_usd_total", "budget_usd", "budget_cost_usd_total"),
    }
)
BUDGETS: Final = (("all", None, "daily", 12.5), ("all", None, "monthly", 300.0), ("theirs", "search", "daily", 1.0))


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the price file. tiers: prices by type; steps: the same above so many input tokens.

    as_input: tool use costs what input costs; but not that of the free tools. calls: dollars a thousand, and of what.
    """

    match: str
    tiers: Mapping[str, Mapping[str, Price]]
    steps: Mapping[str, tuple[int, Mapping[str, Price]]] = field(default_factory=dict)
    as_input: bool = False
    free_tools: tuple[str, ...] = ()
    calls: Mapping[str, tuple[str, str]] = field(default_factory=dict)


MODELS: Final = (
    Model(
        "gemini-3-flash-preview",
        {
            "standard": {
                "input": {"text": "0.53", "image": "0.53", "video": "0.53", "document": "0.53", "audio": "1.07"},
                "output": "3.13",
                "cached": {"text": "0.059", "image": "0.059", "video": "0.059", "document": "0.059", "audio": "0.11"},
            },
            "flex": {"input": "0.261", "output": "1.57"},
            "priority": {"input": "0.97", "output": "5.41", "cached": "0.091"},
        },
        as_input=True,
        free_tools=("google_search",),
        calls={"google_search": ("14.00", "query")},
    ),
    Model(
        "gemini-3-*",
        {"standard": {"input": "2.03", "output": "12.11", "cached": "0.207", "thought": "11.9"}},
        {"standard": (100, {"input": "4.09", "output": "18.17", "cached": "0.419", "thought": "17.3"})},
        as_input=True,
        calls={"google_search": ("35.00", "prompt")},
    ),
    Model(
        "gemini-2.5-flash",
        {
            "standard": {"input": "0.123457", "output": {"text": "2.5", "image": "30.7"}, "unattributed": "0.9"},
            "deferred": {"input": "0.0617", "output": "1.1", "tool_use": "0"},
        },
    ),
    Model("experimental-*", {"standard": {"input": "7.77", "output": "8.88", "cached": "0.777"}}, as_input=True),
    Model(
        "deep-research-*",
        {"standard": {"input": "1.25", "output": "10.01"}},
        {"standard": (400_000, {"input": "2.5", "output": "15.03"})},
    ),
    Model("gemini-3.1-flash-image-preview", {"standard": {"input": "0.51", "output": {"text": "3", "image": "60.03"}}}),
)


def config(folder: Path, *, teams: bool) -> dict[str, object]:
    """Settings of a gateway of the run: its price file, written there, and its budgets. teams: whether it has any."""
    file = folder / "prices.toml"
    file.write_text("".join(map(_toml, MODELS)), encoding="utf-8")
    budgets = [
        {"name": name, "window": window, "usd": usd, **({"team": team} if team else {})}
        for name, team, window, usd in _budgets(teams=teams)
    ]
    return {"pricing.file": file, "budgets": json.dumps(budgets)}


def _budgets(*, teams: bool) -> list[tuple[str, str | None, str, float]]:
    return [budget for budget in BUDGETS if teams or budget[1] is None]


def _toml(model: Model) -> str:
    lines = [
        "[[model]]",
        f'match = "{model.match}"',
        'currency = "USD"\nsource = "https://example.com/prices"\nread = 2026-11-20',
    ]
    if model.as_input:
        free = ", ".join(f'"{tool}"' for tool in model.free_tools)
        lines.append(f'rules = {{ tool_use = "input", tool_use_free = [{free}] }}')
    lines += [f'calls.{tool} = {{ usd_per_1000 = {usd}, per = "{per}" }}' for tool, (usd, per) in model.calls.items()]
    for tier, prices in model.tiers.items():
        step = ""
        if tier in model.steps:
            tokens, above = model.steps[tier]
            step = f", above = [{{ input_tokens = {tokens}, {_prices(above)} }}]"
        lines.append(f"{tier} = {{ {_prices(prices)}{step} }}")
    return "\n".join(lines) + "\n"


def _prices(prices: Mapping[str, Price]) -> str:
    def one(price: Price) -> str:
        if isinstance(price, str):
            return price
        return "{ " + ", ".join(f"{modality} = {usd}" for modality, usd in price.items()) + " }"

    return ", ".join(f"{kind} = {one(price)}" for kind, price in prices.items())


@dataclass(slots=True)
class Bill:
    """What one usage comes to. usd and unpriced: by type; calls: by tool, without a price."""

    tier: str = ""
    usd: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    unpriced: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def book(self, kind: str, tokens: int, usd: Fraction | None) -> None:
        """Price tokens, dollars a million, or count them as unpriced."""
        if tokens and usd is None:
            self.unpriced[kind] += tokens
        elif tokens and usd is not None:
            self.usd[kind] += usd * tokens / 1_000_000

    def beyond(self, earlier: Bill) -> Bill:
        """What is more than an earlier one."""
        more = Bill(self.tier)
        more.usd.update({kind: usd - earlier.usd.get(kind, 0) for kind, usd in self.usd.items()})
        more.usd = {kind: usd for kind, usd in more.usd.items() if usd > 0}
        more.unpriced, more.calls = self.unpriced - earlier.unpriced, self.calls - earlier.calls
        return more


def bill(subject: str, usage: Usage, tier: str, tools: set[str]) -> Bill:
    """Price a usage as it stands on the wire."""
    made = Bill(tier)
    model = _model(subject)
    prices = _at(model, tier, arithmetic.stated(usage, "input")) if model is not None else None
    for key, tokens in arithmetic.split(usage).items():
        kind, modality = key.split("/")
        if kind == "input" and arithmetic.cached(usage):
            continue
        made.book(kind, tokens, _rate(model, prices, kind, modality, tools))
    if arithmetic.cached(usage) and arithmetic.stated(usage, "input") is not None:
        _book_cached(made, usage, prices)
    for entry in usage.get("grounding_tool_count") or []:
        tool, count = entry["type"], entry["count"]
        if model is not None and tool in model.calls:
            usd, per = model.calls[tool]
            made.usd["grounding"] += Fraction(usd) * (1 if per == "prompt" else count) / 1000
        else:
            made.calls[tool if tool in GROUNDING else "other"] += count
    return made


def _model(subject: str) -> Model | None:
    fitting = [
        model
        for model in MODELS
        if subject == model.match or (model.match.endswith("*") and subject.startswith(model.match[:-1]))
    ]
    return max(fitting, key=lambda model: (subject == model.match, len(model.match)), default=None)


def _at(model: Model, tier: str, input_tokens: int | None) -> Mapping[str, Price] | None:
    if tier not in model.tiers:
        return None
    if tier not in model.steps:
        return model.tiers[tier]
    if input_tokens is None:
        return None
    tokens, above = model.steps[tier]
    return above if input_tokens > tokens else model.tiers[tier]


def _rate(
    model: Model | None, prices: Mapping[str, Price] | None, kind: str, modality: str, tools: set[str]
) -> Fraction | None:
    if model is None or prices is None:
        return None
    if kind == "tool_use" and model.free_tools:
        paid = tools - set(model.free_tools)
        if not tools or (paid and paid != tools):
            return None
        if not paid:
            return Fraction(0)
    if kind == "thought" and kind not in prices:
        kind = "output"
    if kind == "tool_use" and kind not in prices and model.as_input:
        kind = "input"
    return _of(prices.get(kind), modality)


def _of(price: Price | None, modality: str) -> Fraction | None:
    if price is None or isinstance(price, str):
        return None if price is None else Fraction(price)
    if modality in price:
        return Fraction(price[modality])
    each = {Fraction(usd) for usd in price.values()}
    return each.pop() if modality == "unknown" and len(each) == 1 else None


def _book_cached(made: Bill, usage: Usage, prices: Mapping[str, Price] | None) -> None:
    """Fresh and cached input, kind by kind."""
    fresh = Counter({key.split("/")[1]: n for key, n in arithmetic.split(usage).items() if key.startswith("input/")})
    cached = arithmetic.cached(usage)
    pairs = {
        m: (_of(prices.get("input"), m), _of(prices.get("cached"), m)) if prices is not None else (None, None)
        for m in (*MODALITIES, "unknown")
    }
    for modality in sorted(MODALITIES):
        missing = max(0, cached[modality] - fresh[modality])
        fresh[modality] += missing
        fresh["unknown"] -= missing
    if min(fresh.values()) < 0 or cached.total() > fresh.total():
        made.unpriced["input"] += fresh.total()
        return
    unlisted = cached.pop("unknown", 0)
    left = {m: n - cached[m] for m, n in fresh.items() if n > cached[m]}
    if unlisted and len(left) > 1 and len({pairs[m] for m in left}) > 1:
        made.unpriced["input"] += sum(fresh[m] for m in left)
        fresh = Counter({m: n for m, n in fresh.items() if m not in left})
        unlisted = 0
    for modality, tokens in fresh.items():
        hit = min(tokens, cached[modality] + unlisted)
        unlisted -= hit - cached[modality]
        made.book("input", hit, pairs[modality][1])
        made.book("input", tokens - hit, pairs[modality][0])


@dataclass(slots=True)
class _Memory:
    subject: str = ""
    tier: str = ""
    running: Bill | None = None


class Costs:
    """Takes what the books count, in their order, and adds up the samples of cost. teams: whether there are any."""

    def __init__(self, *, teams: bool) -> None:
        self._budgets = _budgets(teams=teams)
        self._memory: dict[str, _Memory] = {}
        self._team = ""
        self.samples: dict[Sample, Fraction] = {}
        self.bills: dict[str, Bill] = {}
        self.wasted: set[str] = set()
        for name, _, window, usd in self._budgets:
            self.samples[_sample("budget_usd", budget=name, window=window)] = Fraction(usd)
            self.samples[_sample("budget_cost_usd_total", budget=name)] = Fraction(0)

    def take(self, reading: Reading, model: str, via: str, tokens: Mapping[str, int]) -> int:
        """An exchange that ended; gives how many tiers were folded.

        via: how its usage counts, empty where none does. tokens: what of it counts.
        """
        asked_id = reading.did.path.partition("?")[0].rpartition("/interactions/")[2].partition("/")[0]
        key = reading.interaction_id or (asked_id if reading.route in {"get", "cancel"} else "")
        memory = self._memory.setdefault(key, _Memory()) if key else _Memory()
        subject = reading.agent or reading.asked.get("agent") or reading.model or reading.asked.get("model") or ""
        tier = reading.tier or reading.asked.get("service_tier") or ""
        if reading.route == "create":
            memory.subject, memory.tier = subject, tier
        if not via or reading.usage is None:
            return 0
        subject, tier = subject or memory.subject, tier or memory.tier or "standard"
        made = bill(subject, reading.usage, tier if tier in TIERS else "other", _tools(reading))
        earlier, memory.running = memory.running, made if reading.basis == "running" else None
        if via == "poll" and earlier is not None:
            made = made.beyond(earlier)
        self.bills[reading.key] = made
        self._count(reading, model, made, tokens)
        return int(tier not in TIERS)

    def _count(self, reading: Reading, model: str, made: Bill, tokens: Mapping[str, int]) -> None:
        basis, reason = reading.basis, reading.outcome
        self._team = reading.team
        for kind, usd in made.usd.items():
            self._add("cost_usd_total", usd, model=model, type=kind, tier=made.tier, basis=basis)
            budgets = {name for name, team, _, _ in self._budgets if team in {None, reading.team}}
            for name in budgets if usd else ():
                self._add("budget_cost_usd_total", usd, budget=name)
        for kind, count in made.unpriced.items():
            self._add("cost_unpriced_tokens_total", count, model=model, type=kind)
        for tool, count in made.calls.items():
            self._add("cost_unpriced_calls_total", count, model=model, tool=tool)
        if reason not in WASTE:
            return
        self.wasted.add(reading.key)
        for key, count in tokens.items():
            self._add("wasted_tokens_total", count, reason=reason, type=key.partition("/")[0], basis=basis)
        for kind, usd in made.usd.items():
            self._add("wasted_cost_usd_total", usd, reason=reason, type=kind, basis=basis)

    def _add(self, name: str, amount: Fraction | int, **labels: str) -> None:
        if self._team and name in BY_TEAM:
            labels["team"] = self._team
        place = _sample(name, **labels)
        self.samples[place] = self.samples.get(place, Fraction(0)) + amount

    def attributes(self, reading: Reading) -> dict[str, Value]:
        """Of the interaction's span."""
        made = self.bills.get(reading.key, Bill())
        found: dict[str, Value] = {}
        if made.usd:
            found["interactions.cost_usd"] = float(sum(made.usd.values()))
        if made.unpriced:
            found["interactions.cost.unpriced_tokens"] = made.unpriced.total()
        if reading.key in self.wasted:
            found["interactions.wasted"] = True
        return found

    def logged(self, reading: Reading) -> dict[str, Any]:
        """Fields of the log's line."""
        made = self.bills.get(reading.key)
        found: dict[str, Any] = {"wasted": True} if reading.key in self.wasted else {}
        if made is None:
            return found
        if made.usd:
            found["cost_usd"] = float(sum(made.usd.values()))
            found["cost_parts_usd"] = {kind: float(usd) for kind, usd in made.usd.items()}
        found |= {"unpriced_tokens": dict(made.unpriced)} if made.unpriced else {}
        found |= {"unpriced_calls": dict(made.calls)} if made.calls else {}
        return found | {"cost_tier": made.tier}


def scraped(text: str) -> dict[Sample, Fraction]:
    """The samples of cost in a scrape, by their decimals as they stand there."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(rf"{PREFIX}(\w+)\{{(.*)\}} (\d+(?:\.\d+)?)", line)
        if match and match[1] in FAMILIES:
            labels = re.findall(r'(\w+)="([^"]*)"', match[2])
            found[match[1], frozenset(labels)] = Fraction(Decimal(match[3]))
    return found


def _tools(reading: Reading) -> set[str]:
    used = {step.type.removesuffix(half) for step in reading.steps for half in ("_call", "_result")}
    counted = [entry["type"] for entry in (reading.usage or {}).get("grounding_tool_count") or [] if entry["count"]]
    return (used & set(SERVER_TOOLS)) | set(counted)


def _sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def differences(expected: Mapping[Sample, Fraction], found: Mapping[Sample, Fraction]) -> Iterable[str]:
    """One line each."""
    for place in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(place) != found.get(place):
            yield f"{place[0]}{dict(place[1])} is {found.get(place)}, not {expected.get(place)}"
