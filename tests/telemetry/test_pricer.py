"""What an exchange is priced as: which model, tier and day, what grew since, waste, budgets, span, log."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.telemetry import names
from gateway.telemetry.registry import Number
from gateway.wire.facts import Basis
from gateway.wire.outcome import Outcome, Route
from tests.telemetry.factories import AGENT, ID, MODEL, OLD, Bench, cancel, create, poll, step, usage

PRICES = """
[[model]]
match = "gemini-3-flash-preview"
currency = "USD"
source = "https://example.com"
read = 2026-11-20
standard = { input = 1, output = 2, above = [{ input_tokens = 1000, input = 10, output = 20 }] }
flex = { input = 0.5, output = 1 }

[[model]]
match = "served-*"
currency = "USD"
source = "https://example.com"
read = 2026-11-20
rules = { tool_use = "input", tool_use_free = ["google_search"] }
standard = { input = 7, output = 7 }
calls.google_search = { usd_per_1000 = 35, per = "prompt" }
"""
A_MILLION = 1_000_000


@pytest.fixture
def priced(tmp_path: Path) -> Bench:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES, encoding="utf-8")
    budgets = [
        {"name": "all", "usd": 100, "window": "daily"},
        {"name": "all", "usd": 900.5, "window": "monthly"},
        {"name": "theirs", "usd": 5, "window": "daily", "team": "them"},
    ]
    return Bench(Settings.model_validate({"pricing": {"file": file}, "budgets": budgets}))


def costs(bench: Bench, name: str = "cost_usd_total") -> dict[tuple[str, ...], float]:
    """By type, tier and basis (or reason, type, basis)."""
    keys = ("reason", "type", "basis") if name.startswith("wasted") else ("type", "tier", "basis")
    return {tuple(dict(labels)[key] for key in keys): value for labels, value in bench.samples(name).items()}


TIERS = [
    pytest.param("standard", None, "standard", 1.0, id="served"),
    pytest.param("flex", None, "flex", 0.5, id="another one"),
    pytest.param("standard", "flex", "standard", 1.0, id="served, not asked for"),
    pytest.param(None, "flex", "flex", 0.5, id="asked for, and the answer doesn't say"),
    pytest.param(None, None, "standard", 1.0, id="nobody named one"),
    pytest.param("galactic", None, "other", None, id="one that isn't known"),
    pytest.param("priority", None, "priority", None, id="one without a price"),
]


@pytest.mark.parametrize(("served", "asked", "tier", "usd"), TIERS)
def test_the_tier_is_what_was_served(
    priced: Bench, served: str | None, asked: str | None, tier: str, usd: float | None
) -> None:
    priced.apply(
        create(usage=usage(input=500, output=500), interaction_service_tier=served, request_service_tier=asked),
    )

    found = priced.lines()[-1]
    assert found["cost_tier"] == tier
    if usd is None:
        assert priced.samples("cost_usd_total") == {}
        assert priced.value("cost_unpriced_tokens_total") == 1000
    else:
        assert costs(priced) == {
            ("input", tier, "final"): pytest.approx(usd * 500 / A_MILLION),
            ("output", tier, "final"): pytest.approx(2 * usd * 500 / A_MILLION),
        }
    assert priced.value("label_overflow_total", label="tier") == (tier == "other")


SUBJECTS = [
    pytest.param({}, 1, id="the model that was asked for"),
    pytest.param({"interaction_model": "served-1"}, 7, id="the model that was served, where the answer says it"),
    pytest.param({"interaction_model": "served-1", "interaction_agent": AGENT}, None, id="an agent is no model"),
    pytest.param({"request_model": "nobody-knows-it"}, None, id="a model without a price"),
]


@pytest.mark.parametrize(("who", "usd"), SUBJECTS)
def test_the_price_is_that_of_what_was_served(priced: Bench, who: dict[str, Any], usd: int | None) -> None:
    priced.apply(create(usage=usage(input=1000), **who))

    assert priced.value("cost_usd_total") == pytest.approx((usd or 0) * 1000 / A_MILLION)
    assert priced.value("cost_unpriced_tokens_total", type="input") == (1000 if usd is None else 0)


def test_a_model_without_a_label_has_its_price_all_the_same(priced: Bench) -> None:
    priced.apply(create(request_model="served-9", usage=usage(input=10)))

    assert priced.value("cost_usd_total", model="other") == pytest.approx(70 / A_MILLION)


def test_a_model_without_a_price_is_named_once(priced: Bench) -> None:
    """However often it comes; another tier or type of it is said too."""
    for number in range(3):
        priced.apply(create(exchange_id=f"x{number}", request_model="gemini-9", usage=usage(input=1, output=1)))
    priced.apply(create(interaction_service_tier="priority", usage=usage(input=1)))
    priced.apply(create(usage=usage(input=1, total=3, grounding={"google_maps": 2})))

    found = [line for line in priced.lines() if line["event"] == "unpriced"]
    fields = [{name: line[name] for name in ("model", "tier", "lacks", "tokens", "calls")} for line in found]
    assert fields == [
        {"model": "gemini-9", "tier": "standard", "lacks": "entry", "tokens": ["input", "output"], "calls": []},
        {"model": MODEL, "tier": "priority", "lacks": "tier", "tokens": ["input"], "calls": []},
        {"model": MODEL, "tier": "standard", "lacks": "price", "tokens": ["unattributed"], "calls": ["google_maps"]},
    ]
    assert priced.value("cost_unpriced_calls_total", model=MODEL, tool="google_maps") == 2


def test_made_up_models_leave_a_bounded_number_of_lines(priced: Bench) -> None:
    for number in range(300):
        priced.apply(create(exchange_id=f"x{number}", request_model=f"m{number}", usage=usage(input=1)))

    assert len([line for line in priced.lines() if line["event"] == "unpriced"]) == 200
    assert priced.value("cost_unpriced_tokens_total") == 300


def test_what_grew_since_is_priced_as_the_difference(priced: Bench) -> None:
    """By the step of the whole: it was left at 900 tokens and ended with 2,000, where each costs ten times as much."""
    priced.apply(
        create(Outcome.CLIENT_ABORT, usage=usage(input=900, output=10), basis=Basis.RUNNING),
        poll(usage=usage(input=2000, output=30)),
        poll(usage=usage(input=2000, output=30)),
    )

    assert costs(priced) == {
        ("input", "standard", "running"): pytest.approx(900 * 1 / A_MILLION),
        ("output", "standard", "running"): pytest.approx(10 * 2 / A_MILLION),
        ("input", "standard", "final"): pytest.approx((2000 * 10 - 900 * 1) / A_MILLION),
        ("output", "standard", "final"): pytest.approx((30 * 20 - 10 * 2) / A_MILLION),
    }
    assert priced.value("cost_usd_total") == pytest.approx((2000 * 10 + 30 * 20) / A_MILLION)


def test_a_search_that_was_billed_while_it_ran_is_not_billed_again(priced: Bench) -> None:
    """Of a model whose searches are billed by the prompt."""
    served = {"request_model": "served-1", "interaction_model": "served-1"}
    priced.apply(
        create(
            Outcome.CLIENT_ABORT, usage=usage(input=1, grounding={"google_search": 1}), basis=Basis.RUNNING, **served
        ),
        poll(usage=usage(input=1, grounding={"google_search": 4}), interaction_model="served-1"),
    )

    assert priced.value("cost_usd_total", type="grounding") == pytest.approx(0.035)


TOOLS = [
    pytest.param([], {}, None, id="none is known"),
    pytest.param(["google_search_call"], {}, 0, id="a search, whose results aren't billed, by its step"),
    pytest.param([], {"google_search": 1}, 0, id="by its count"),
    pytest.param([], {"google_search": 0, "google_maps": 2}, 7, id="what was not used doesn't matter"),
    pytest.param(["url_context_call", "url_context_result"], {}, 7, id="a page, which is billed"),
    pytest.param(["url_context_result"], {"google_search": 1}, None, id="both: which tokens came from which?"),
]


@pytest.mark.parametrize(("steps", "calls", "usd"), TOOLS)
def test_what_tools_brought_in_is_billed_by_the_tools_that_were_used(
    priced: Bench, steps: list[str], calls: dict[str, int], usd: int | None
) -> None:
    used = [step(index, type_, 1, 2) for index, type_ in enumerate(steps)]
    priced.apply(create(request_model="served-1", usage=usage(tool_use=1000, grounding=calls), stream_steps=used))

    assert priced.value("cost_usd_total", type="tool_use") == pytest.approx((usd or 0) / 1000)
    assert priced.value("cost_unpriced_tokens_total", type="tool_use") == (1000 if usd is None else 0)


def test_a_poll_knows_what_the_create_said(priced: Bench) -> None:
    """Its answer names neither model nor tier."""
    priced.apply(
        create(Outcome.IN_PROGRESS, request_service_tier="flex", interaction_status="in_progress"),
        poll(usage=usage(input=1000), interaction_model=None),
    )

    assert costs(priced) == {("input", "flex", "final"): pytest.approx(0.0005)}


WASTED = ["client_abort", "upstream_abort", "truncated", "stream_error", "failed"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_waste_is_what_was_billed_and_not_delivered(priced: Bench, outcome: Outcome) -> None:
    """A part of the cost, never subtracted from it."""
    priced.apply(create(outcome, usage=usage(input=1000, output=100, total=1150)))

    assert priced.value("cost_usd_total") == pytest.approx(0.0012)
    if outcome.value in WASTED:
        assert costs(priced, "wasted_tokens_total") == {
            (outcome.value, "input", "final"): 1000,
            (outcome.value, "output", "final"): 100,
            (outcome.value, "unattributed", "final"): 50,
        }
        assert costs(priced, "wasted_cost_usd_total") == {
            (outcome.value, "input", "final"): pytest.approx(0.001),
            (outcome.value, "output", "final"): pytest.approx(0.0002),
        }
    else:
        assert priced.samples("wasted_tokens_total") == priced.samples("wasted_cost_usd_total") == {}


def test_what_counts_no_tokens_costs_nothing_and_says_nothing(priced: Bench) -> None:
    priced.apply(create(), poll(usage=usage(input=5), interaction_updated=OLD), create(route=Route.DELETE))

    assert priced.samples("cost_usd_total") == {}
    assert not any({"cost_usd", "cost_tier", "wasted"} & line.keys() for line in priced.lines())


def test_cost_is_on_the_interactions_span_only(priced: Bench) -> None:
    priced.apply(
        create(
            Outcome.FAILED, usage=usage(input=1000, output=100, total=1150), stream_steps=[step(0, "thought", 1, 2)]
        ),
        poll(interaction_id="v1_Other", usage=usage(input=3000)),
    )
    priced.flush()

    keys = (names.COST_USD, names.COST_UNPRICED_TOKENS, names.WASTED)
    found = {
        span.name: {key: span.attributes[key] for key in keys if key in (span.attributes or {})}
        for span in priced.spans.get_finished_spans()
        if span.attributes is not None
    }
    assert {name: attributes for name, attributes in found.items() if attributes} == {
        f"generate_content {MODEL}": {keys[0]: 0.0012, keys[1]: 50, keys[2]: True},
        "fetch_response": {keys[0]: 0.03},
    }


def test_a_cancel_has_no_interaction_span_but_its_cost_in_the_log(priced: Bench) -> None:
    priced.apply(create(Outcome.IN_PROGRESS, interaction_status="in_progress"), cancel(usage=usage(input=1000)))
    priced.flush()

    assert priced.lines()[-1]["cost_usd"] == 0.001
    assert not any(names.COST_USD in (span.attributes or {}) for span in priced.spans.get_finished_spans())


def test_the_log_says_what_was_priced_and_what_was_not(priced: Bench) -> None:
    priced.apply(
        create(Outcome.TRUNCATED, usage=usage(input=1000, output=100, total=1150, grounding={"google_search": 2}))
    )

    line = next(line for line in priced.lines() if line["event"] == "exchange")
    assert {name: line.get(name) for name in line if name.startswith(("cost", "unpriced", "wasted"))} == {
        "cost_usd": 0.0012,
        "cost_parts_usd": {"input": 0.001, "output": 0.0002},
        "cost_tier": "standard",
        "unpriced_tokens": {"unattributed": 50},
        "unpriced_calls": {"google_search": 2},
        "wasted": True,
    }


def _types_of(bench: Bench, name: str) -> set[type]:
    """Of the family's numbers as they go out over OTLP."""
    found = {family.name: samples for family, samples in bench.telemetry.registry.points()}
    return {type(sample.value) for sample in found[name] if isinstance(sample, Number)}


def test_budgets_are_there_from_the_start_and_take_what_is_theirs(priced: Bench) -> None:
    text = priced.telemetry.render("*/*")[0].decode()
    assert 'interactions_gateway_budget_usd{budget="all",window="daily"} 100.0\n' in text
    assert 'interactions_gateway_budget_usd{budget="all",window="monthly"} 900.5\n' in text
    assert 'interactions_gateway_budget_usd{budget="theirs",window="daily"} 5.0\n' in text
    assert 'interactions_gateway_budget_cost_usd_total{budget="all"} 0\n' in text
    assert 'interactions_gateway_budget_cost_usd_total{budget="theirs"} 0\n' in text
    assert _types_of(priced, "interactions_gateway_budget_cost_usd_total") == {float}

    priced.apply(create(usage=usage(input=333, output=1)))

    text = priced.telemetry.render("*/*")[0].decode()
    assert 'interactions_gateway_budget_cost_usd_total{budget="all"} 0.000335\n' in text
    assert 'interactions_gateway_budget_cost_usd_total{budget="theirs"} 0\n' in text


def test_amounts_are_added_up_to_the_last_decimal(priced: Bench) -> None:
    """Ten thousand of them: a float would be off by now."""
    for number in range(10_000):
        priced.apply(create(exchange_id=f"x{number}", interaction_id=f"i{number}", usage=usage(input=1, output=1)))

    text = priced.telemetry.render("*/*")[0].decode()
    assert f'{{model="{MODEL}",type="input",tier="standard",basis="final"}} 0.01' in text
    budget = f'{names.BUDGET_COST.name}{{budget="all"}} '
    spent = [line.removeprefix(budget) for line in text.splitlines() if line.startswith(budget)]
    assert list(map(Decimal, spent)) == [Decimal("0.03")]


def test_a_bad_price_file_at_the_start_leaves_all_unpriced(tmp_path: Path) -> None:
    """It was checked before; whoever changed it since finds it in the log, and in the metric."""
    file = tmp_path / "prices.toml"
    file.write_text("nonsense", encoding="utf-8")
    bench = Bench(Settings.model_validate({"pricing": {"file": str(file)}}))
    bench.apply(create(usage=usage(input=5)))

    assert bench.lines()[0]["event"] == "pricing_not_read"
    assert bench.value("cost_unpriced_tokens_total", model=MODEL, type="input") == 5


def test_a_bug_in_pricing_costs_the_cost_alone(priced: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.telemetry.pricer.price", None)
    priced.apply(create(usage=usage(input=5)))

    assert priced.value("telemetry_faults_total", sink="cost") == 1
    assert priced.value("tokens_total") == 5
    assert json.loads(priced.log.getvalue().splitlines()[-1])["interaction_id"] == ID
