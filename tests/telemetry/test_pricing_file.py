"""The price file: what each entry means, which one wins, one clear line for each mistake, and the file we ship."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.telemetry import pricing_file
from gateway.telemetry.pricing import Table
from gateway.telemetry.pricing_file import PricingError

HEAD = """
[[model]]
match = "m"
currency = "USD"
source = "https://example.com/prices"
read = 2026-06-09
"""
GOOD = HEAD + "standard = { input = 1.00, output = 2.00 }\n"


def parsed(text: str) -> Table:
    return pricing_file.parse(tomllib.loads(text, parse_float=Decimal))


def unix_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW_S = unix_s("2026-11-24")


def rate(table: Table, model: str, type_: str = "input", modality: str = "text", at_s: float = NOW_S) -> Decimal | None:
    """Dollars a million tokens in the standard tier, at no input."""
    entry = table.find(model, at_s)
    rates = entry.tiers["standard"].at(0) if entry is not None else None
    found = rates.of(type_, modality) if rates is not None else None
    return None if found is None else found * 1_000_000


MISTAKES = [
    pytest.param("", "model: must be one or more tables: [[model]]", id="nothing in it"),
    pytest.param("modell = 1\n" + GOOD, "modell: is no key of this file; allowed are model", id="unknown at the top"),
    pytest.param(
        GOOD.replace('match = "m"', ""),
        "model 1.match: must be a model or agent, or a list: exact names, or prefixes with one `*` at the end",
        id="for no model",
    ),
    pytest.param(
        GOOD.replace('"m"', '"a*b"'),
        "model 1.match = 'a*b': must be a model or agent, or a list: exact names, or prefixes with one `*` at the end",
        id="a star in the middle",
    ),
    pytest.param(
        GOOD.replace("currency", "curency"),
        "model 1 (m).curency: is no key of this file; allowed are match, currency, source, read, from, until, note, "
        'rules, calls, deferred, flex, priority, standard\nmodel 1 (m).currency: must be "USD", which the metrics are '
        "named for",
        id="a slip in a key",
    ),
    pytest.param(
        GOOD.replace('"USD"', '"EUR"'),
        "model 1 (m).currency = 'EUR': must be \"USD\", which the metrics are named for",
        id="another currency",
    ),
    pytest.param(
        GOOD.replace("https://example.com/prices", "my notes"),
        "model 1 (m).source = 'my notes': must be the address of the price sheet: https://…",
        id="no source",
    ),
    pytest.param(
        GOOD.replace("2026-06-09", '"June 9"'),
        "model 1 (m).read = 'June 9': must be a day without quotes: 2026-06-09",
        id="no date",
    ),
    pytest.param(
        GOOD + "from = 2027-01-01\nuntil = 2026-12-31\n",
        "model 1 (m).until = 2026-12-31: must be a day that is not before `from` (2027-01-01)",
        id="ends before it begins",
    ),
    pytest.param(
        HEAD,
        "model 1 (m): must be a table with prices for one service tier at least: deferred, flex, priority, standard",
        id="no price at all",
    ),
    pytest.param(
        HEAD + "batch = { input = 1 }\nstandard = { input = 1 }\n",
        "model 1 (m).batch: is no key of this file; allowed are match, currency, source, read, from, until, note, "
        "rules, calls, deferred, flex, priority, standard",
        id="a tier that the API doesn't have",
    ),
    pytest.param(
        HEAD + "standard = 5\n", "model 1 (m).standard = 5: must be a table of prices", id="a price where tiers stand"
    ),
    pytest.param(
        HEAD + "standard = { cached = 1 }\n",
        "model 1 (m).standard: must be a price for input, output or both",
        id="a tier without its main prices",
    ),
    pytest.param(
        HEAD + 'standard = { input = "1.00" }\n',
        "model 1 (m).standard.input = '1.00': must be dollars a million tokens, a number from 0 to 1000000 with at "
        "most 9 decimals",
        id="a text where a price stands",
    ),
    pytest.param(
        HEAD + "standard = { input = true }\n",
        "model 1 (m).standard.input = True: must be dollars a million tokens, a number from 0 to 1000000 with at most "
        "9 decimals",
        id="true is no price",
    ),
    pytest.param(
        HEAD + "standard = { input = -0.01 }\n",
        "model 1 (m).standard.input = -0.01: must be dollars a million tokens, a number from 0 to 1000000 with at most "
        "9 decimals",
        id="a negative price",
    ),
    pytest.param(
        HEAD + "standard = { input = nan }\n",
        "model 1 (m).standard.input = NaN: must be dollars a million tokens, a number from 0 to 1000000 with at most 9 "
        "decimals",
        id="not a number",
    ),
    pytest.param(
        HEAD + "standard = { input = 0.0000000001 }\n",
        "model 1 (m).standard.input = 1E-10: must be dollars a million tokens, a number from 0 to 1000000 with at most "
        "9 decimals",
        id="a price a token, by mistake",
    ),
    pytest.param(
        HEAD + "standard = { input = { text = 1, smell = 2 } }\n",
        "model 1 (m).standard.input.smell: is no key of this file; allowed are audio, document, image, text, video",
        id="a modality that there isn't",
    ),
    pytest.param(
        HEAD + "standard = { input = {} }\n",
        "model 1 (m).standard.input: must be a price for one modality at least: audio, document, image, text, video",
        id="no modality",
    ),
    pytest.param(
        HEAD + 'standard = { input = 1, thought = "input" }\n',
        "model 1 (m).standard.thought = 'input': must be \"output\"",
        id="thoughts are no input",
    ),
    pytest.param(
        GOOD + 'rules = { tool_use = "free" }\n',
        "model 1 (m).rules.tool_use = 'free': must be \"input\"",
        id="a rule that there isn't",
    ),
    pytest.param(
        GOOD + 'rules = { tool_use_free = ["web"] }\n',
        "model 1 (m).rules.tool_use_free = ['web']: must be a list of code_execution, file_search, google_maps, "
        "google_search, mcp_server_tool, processing, retrieval, tool_search, url_context",
        id="a tool that there isn't",
    ),
    pytest.param(
        GOOD + 'rules = { unlisted = "words" }\n',
        "model 1 (m).rules.unlisted = 'words': must be one of audio, document, image, text, video",
        id="a modality for the unlisted that there isn't",
    ),
    pytest.param(
        HEAD + "standard = { input = 1, above = [{ input_tokens = 0, input = 2 }] }\n",
        "model 1 (m).standard.above 1.input_tokens = 0: must be a number of tokens, larger from step to step",
        id="a step at nothing",
    ),
    pytest.param(
        HEAD + "standard = { input = 1, above = [{ input_tokens = 9, input = 2 }, { input_tokens = 9, input = 3 }] }\n",
        "model 1 (m).standard.above 2.input_tokens = 9: must be a number of tokens, larger from step to step",
        id="steps that don't rise",
    ),
    pytest.param(
        HEAD + "standard = { input = 1, output = 2, above = [{ input_tokens = 9, input = 2 }] }\n",
        "model 1 (m).standard.above 1: must be all that the tier itself prices, and no more: input, output",
        id="a step that leaves a price out",
    ),
    pytest.param(
        GOOD + "calls.web_search = { usd_per_1000 = 14 }\n",
        "model 1 (m).calls.web_search: is no key of this file; allowed are google_search, google_maps, retrieval",
        id="calls that the API doesn't count",
    ),
    pytest.param(
        GOOD + "calls.google_search = { usd_per_1000 = 14 }\n",
        'model 1 (m).calls.google_search.per: must be "query" or "prompt"',
        id="a call price for nothing",
    ),
    pytest.param(
        GOOD + 'calls.google_search = { per = "query" }\n',
        "model 1 (m).calls.google_search.usd_per_1000: must be dollars a thousand calls, a number from 0 to 1000000 "
        "with at most 9 decimals",
        id="a call without a price",
    ),
    pytest.param(
        GOOD + 'calls.google_search = { usd_per_1000 = 14, per = "query", free = 5000 }\n',
        "model 1 (m).calls.google_search.free = 5000: must be a text for people: a free quota is never subtracted",
        id="a quota as a number",
    ),
    pytest.param(
        GOOD + GOOD,
        "m: must be in one entry at a time; give them `from` and `until`, or drop one",
        id="two prices for one model",
    ),
    pytest.param(
        GOOD + "until = 2026-12-31\n" + GOOD + "from = 2026-12-31\n",
        "m: must be in one entry at a time; give them `from` and `until`, or drop one",
        id="two prices on one day",
    ),
]


@pytest.mark.parametrize(("text", "lines"), MISTAKES)
def test_a_mistake_is_one_clear_line(text: str, lines: str) -> None:
    with pytest.raises(PricingError) as caught:
        parsed(text)

    assert str(caught.value) == "\n".join(f"pricing.toml: {line}" for line in lines.split("\n"))


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(PricingError) as caught:
        parsed(GOOD.replace("USD", "EUR").replace("1.00", "-1") + GOOD.replace('"m"', '"n"').replace("https", "ftp"))

    assert [mistake.partition(" = ")[0] for mistake in caught.value.mistakes] == [
        "pricing.toml: model 1 (m).currency",
        "pricing.toml: model 1 (m).standard.input",
        "pricing.toml: model 2 (n).source",
    ]


UNREADABLE = [
    pytest.param(b"= 1", "p.toml: is no valid TOML: Invalid statement (at line 1, column 1)", id="no TOML"),
    pytest.param(b"a = '\xff'", "p.toml: is no UTF-8 text, as TOML must be", id="no UTF-8"),
    pytest.param(None, "p.toml: can't be read: No such file or directory", id="no file"),
]


@pytest.mark.parametrize(("content", "line"), UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, content: bytes | None, line: str) -> None:
    file = tmp_path / "p.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PricingError) as caught:
        pricing_file.read(file)

    assert str(caught.value) == line


def test_a_price_is_the_decimal_that_stands_there() -> None:
    """0.1 has no float; through one, a million tokens would cost 0.1000000000000000055511151231257827."""
    table = parsed(HEAD + "standard = { input = 0.1, output = 3 }\n")
    entry = table.find("m", NOW_S)

    assert entry is not None
    assert entry.tiers["standard"].rates.of("input", "text") == Decimal("0.0000001")
    assert rate(table, "m", "output") == 3


def entry_for(match: str, usd: int) -> str:
    return GOOD.replace('"m"', match).replace("1.00", str(usd))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
def test_the_most_specific_pattern_wins_in_any_order(order: list[int]) -> None:
    entries = [
        entry_for('"*"', 1),
        entry_for('"gemini-*"', 2),
        entry_for('"gemini-3-*"', 3),
        entry_for('["gemini-3-pro", "other"]', 4),
    ]
    table = parsed("".join(entries[number] for number in order))

    found = {model: rate(table, model) for model in ("gemini-3-pro", "gemini-3-pro-2", "gemini-9", "claude", "other")}
    assert found == {"gemini-3-pro": 4, "gemini-3-pro-2": 3, "gemini-9": 2, "claude": 1, "other": 4}


def test_a_price_holds_from_its_first_day_to_the_end_of_its_last() -> None:
    table = parsed(
        entry_for('"m"', 1) + "until = 2026-12-31\n" + entry_for('"m"', 2) + "from = 2027-01-01\nuntil = 2027-01-31\n"
    )

    times = ("2000-01-01", "2026-12-31T23:59:59.999", "2027-01-01", "2027-01-31T23:59:59", "2027-02-01")
    assert [rate(table, "m", at_s=unix_s(time)) for time in times] == [1, 1, 2, 2, None]


def test_what_has_ended_does_not_fall_back_to_a_wider_pattern() -> None:
    """The wider one was never meant for this model."""
    table = parsed(entry_for('"*"', 9) + entry_for('"m"', 1) + "until = 2026-10-31\n")

    assert rate(table, "m") is None
    assert rate(table, "n") == 9


UNLISTED = [
    pytest.param("input = 1", "", 1, id="one price for all"),
    pytest.param("input = { text = 1, audio = 1 }", "", 1, id="the same for each"),
    pytest.param("input = { text = 1, audio = 2 }", "", None, id="they differ: not to be told"),
    pytest.param("input = { text = 1, audio = 2 }", 'rules = { unlisted = "audio" }', 2, id="the file's own rule"),
    pytest.param("input = { audio = 2 }", 'rules = { unlisted = "text" }', 2, id="there is only one"),
]


@pytest.mark.parametrize(("prices", "rules", "usd"), UNLISTED)
def test_the_price_of_a_modality_that_is_not_listed(prices: str, rules: str, usd: int | None) -> None:
    table = parsed(HEAD + f"{rules}\nstandard = {{ {prices} }}\n")

    assert rate(table, "m", modality="unknown") == usd


RULES = [
    pytest.param("thought", "output = 2", "", 2, id="thoughts cost what output costs"),
    pytest.param("thought", "output = { text = 2, image = 60 }", "", None, id="but which output?"),
    pytest.param("thought", "output = { text = 2, image = 60 }, thought = 2", "", 2, id="said"),
    pytest.param("tool_use", "input = 1", "", None, id="tool use has no price by itself"),
    pytest.param("tool_use", "input = 1", 'rules = { tool_use = "input" }', 1, id="tool use as input"),
    pytest.param("tool_use", "input = 1, tool_use = 0", 'rules = { tool_use = "input" }', 0, id="a tier's own wins"),
    pytest.param("unattributed", "input = 1, output = 2", "", None, id="what isn't broken down has no price"),
    pytest.param("unattributed", "output = 2", 'rules = { unattributed = "output" }', 2, id="unless the file says it"),
    pytest.param("cached", "input = 1", "", None, id="cached tokens have no price by themselves"),
    pytest.param("cached", 'input = 1, cached = "input"', "", 1, id="cached as input"),
]


@pytest.mark.parametrize(("type_", "prices", "rules", "usd"), RULES)
def test_the_price_of_a_type_that_is_not_stated(type_: str, prices: str, rules: str, usd: int | None) -> None:
    table = parsed(HEAD + f"{rules}\nstandard = {{ {prices} }}\n")

    assert rate(table, "m", type_, "unknown") == usd


def test_the_context_decides_by_the_whole_input() -> None:
    steps = "{ input_tokens = 100, input = 2 }, { input_tokens = 200, input = 3 }"
    table = parsed(HEAD + f"standard = {{ input = 1, above = [{steps}] }}\n")
    entry = table.find("m", NOW_S)
    assert entry is not None
    tier = entry.tiers["standard"]

    found = {tokens: tier.at(tokens) for tokens in (0, 100, 101, 200, 201, None)}
    prices = {tokens: rates and rates.of("input", "text") for tokens, rates in found.items()}
    usd = {tokens: price and price * 1_000_000 for tokens, price in prices.items()}
    assert usd == {0: 1, 100: 1, 101: 2, 200: 2, 201: 3, None: None}


def test_the_file_that_comes_with_the_gateway_is_good() -> None:
    """And each entry says where it is from."""
    table = pricing_file.read(pricing_file.shipped())
    text = pricing_file.shipped().read_text(encoding="utf-8")

    assert len(table.entries) >= 15
    assert text.count("\nsource = ") == text.count("\nread = ") == text.count("\ncurrency = ") == len(table.entries)
    assert rate(table, "gemini-3-flash-preview") == Decimal("0.50")
    assert rate(table, "gemini-4-argon") is None
    assert rate(table, "deep-research-preview-04-2026") is None
