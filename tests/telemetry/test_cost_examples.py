"""Costs worked by hand from the published price sheet, to the last decimal.

Source: Google's price sheet, https://ai.google.dev/gemini-api/docs/pricing, paid tier, "Last updated 2026-06-09 UTC";
for Gemini 3.8 Flash as it stood on 2026-09-25. The arithmetic is written out beside each figure; the sheet's own
figures for images ("$0.134 per 1K/2K image") are checked too. Usages: examples of the API's own guide where it has one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.telemetry import pricing_file
from gateway.telemetry.cost import Cost, price
from gateway.wire.usage import Usage

TABLE = pricing_file.read(pricing_file.shipped())
THEN = "2026-06-15"


def cost_of(model: str, usage: Usage, tier: str = "standard", tools: tuple[str, ...] = (), at: str = THEN) -> Cost:
    entry = TABLE.find(model, datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    return price(usage, entry, tier, tools)


def text(tokens: int, **counts: Any) -> Usage:
    """An input of text, and whatever else."""
    return Usage(input=tokens, by_modality={"input": {"text": tokens}}, **counts)


FLASH, PRO = "gemini-3-flash-preview", "gemini-3.1-pro-preview"

EXAMPLES = [
    pytest.param(
        cost_of(FLASH, text(11, total=346, output=90, thought=245)),
        {
            "input": "0.0000055",  # 11 x $0.50 / 1M
            "output": "0.00027",  # 90 x $3.00 / 1M
            "thought": "0.000735",  # 245 x $3.00 / 1M: "output price (including thinking tokens)"
        },
        "0.0010105",
        id="3 Flash: the guide's first example",
    ),
    pytest.param(
        cost_of(FLASH, Usage(input=10_500, output=100, by_modality={"input": {"text": 500, "audio": 10_000}})),
        {"input": "0.01025", "output": "0.0003"},  # 500 x $0.50 + 10,000 x $1.00; 100 x $3.00
        "0.01055",
        id="3 Flash: audio costs twice as much",
    ),
    pytest.param(
        cost_of(FLASH, Usage(input=5160, output=0, by_modality={"input": {"document": 5160}})),
        {"input": "0.00258"},  # 5,160 x $0.50: "billed at the image token rate"
        "0.00258",
        id="3 Flash: a document costs what an image costs",
    ),
    pytest.param(
        cost_of(
            FLASH,
            Usage(
                input=100_000,
                output=2000,
                cached=80_000,
                by_modality={"input": {"text": 100_000}, "cached": {"text": 80_000}},
            ),
        ),
        {"input": "0.014", "output": "0.006"},  # 20,000 x $0.50 + 80,000 x $0.05; 2,000 x $3.00
        "0.020",
        id="3 Flash: four fifths of it cached",
    ),
    pytest.param(
        cost_of(FLASH, text(10_000, output=1000), "flex"),
        {"input": "0.0025", "output": "0.0015"},  # 10,000 x $0.25; 1,000 x $1.50
        "0.004",
        id="3 Flash: flex is half",
    ),
    pytest.param(
        cost_of(FLASH, text(10_000, output=1000), "priority"),
        {"input": "0.009", "output": "0.0054"},  # 10,000 x $0.90; 1,000 x $5.40
        "0.0144",
        id="3 Flash: priority is 1.8 times",
    ),
    pytest.param(
        cost_of(PRO, Usage(input=200_000, output=1000)),
        {"input": "0.4", "output": "0.012"},  # 200,000 x $2.00; 1,000 x $12.00: "prompts <= 200k tokens"
        "0.412",
        id="3.1 Pro: a prompt of just 200k",
    ),
    pytest.param(
        cost_of(PRO, Usage(input=200_001, output=1000)),
        {"input": "0.800004", "output": "0.018"},  # 200,001 x $4.00; 1,000 x $18.00: all of it, not what is above
        "0.818004",
        id="3.1 Pro: one token more",
    ),
    pytest.param(
        cost_of(PRO, Usage(input=250_000, cached=100_000, output=500, thought=2500), "flex"),
        {
            "input": "0.34",  # 150,000 x $2.00 + 100,000 x $0.40: caching "same as standard"
            "output": "0.0045",  # 500 x $9.00
            "thought": "0.0225",  # 2,500 x $9.00
        },
        "0.367",
        id="3.1 Pro: long, flex, cached",
    ),
    pytest.param(
        cost_of("gemini-2.5-pro", Usage(input=10_000, output=2000, thought=3000), "priority"),
        {"input": "0.0225", "output": "0.036", "thought": "0.054"},  # x $2.25; x $18.00; x $18.00
        "0.1125",
        id="2.5 Pro: priority",
    ),
    pytest.param(
        cost_of(
            FLASH,
            Usage(
                input=138,
                output=20,
                thought=141,
                tool_use=900,
                by_modality={"input": {"text": 138}},
                grounding={"google_search": 3},
            ),
            tools=("google_search",),
        ),
        {
            "input": "0.000069",  # 138 x $0.50
            "output": "0.00006",  # 20 x $3.00
            "thought": "0.000423",  # 141 x $3.00
            "tool_use": "0",  # "retrieved tokens excluded"
            "grounding": "0.042",  # 3 x $14 / 1,000: "charged for each individual search query performed"
        },
        "0.042552",
        id="3 Flash: three searches",
    ),
    pytest.param(
        cost_of(
            FLASH,
            Usage(
                input=138,
                output=20,
                tool_use=900,
                by_modality={"input": {"text": 138}, "tool_use": {"text": 900}},
            ),
            tools=("url_context",),
        ),
        {
            "input": "0.000069",
            "output": "0.00006",
            "tool_use": "0.00045",  # 900 x $0.50: "charged as input tokens"
        },
        "0.000579",
        id="3 Flash: a page that was read is input",
    ),
    pytest.param(
        cost_of("gemini-2.5-flash", text(1000, output=1000, grounding={"google_search": 3, "google_maps": 1})),
        {
            "input": "0.0003",  # 1,000 x $0.30
            "output": "0.0025",  # 1,000 x $2.50
            "grounding": "0.06",  # one prompt x $35 / 1,000 + one x $25 / 1,000: "grounded prompts"
        },
        "0.0628",
        id="2.5 Flash: three searches are one grounded prompt",
    ),
    pytest.param(
        cost_of("gemini-3-pro-image", Usage(input=560, output=1120, by_modality={"output": {"image": 1120}})),
        {"input": "0.00112", "output": "0.1344"},  # "$0.0011 per image"; "$0.134 per 1K/2K image"
        "0.13552",
        id="3 Pro Image: an image in, an image out",
    ),
    pytest.param(
        cost_of("gemini-2.5-flash-image", Usage(output=1290, by_modality={"output": {"image": 1290}})),
        {"output": "0.0387"},  # "$0.039 per image"
        "0.0387",
        id="2.5 Flash Image",
    ),
    pytest.param(
        cost_of("gemini-3.8-flash", Usage(input=1_000_000, output=1_000_000), at="2026-12-31T23:59:59"),
        {"input": "0.75", "output": "3.75"},  # "$0.75 through December 31, 2026"
        "4.50",
        id="3.8 Flash: the last second of 2026",
    ),
    pytest.param(
        cost_of("gemini-3.8-flash", Usage(input=1_000_000, output=1_000_000), at="2027-01-01"),
        {"input": "1.50", "output": "7.50"},  # "$1.50 starting January 1, 2027"
        "9.00",
        id="3.8 Flash: 2027",
    ),
]


@pytest.mark.parametrize(("cost", "parts", "usd"), EXAMPLES)
def test_the_cost_of_an_example(cost: Cost, parts: dict[str, str], usd: str) -> None:
    assert cost.parts == {type_: Decimal(amount) for type_, amount in parts.items()}
    assert cost.usd == Decimal(usd)
    assert (cost.unpriced, cost.unpriced_calls) == ({}, {})


PARTLY = [
    pytest.param(
        cost_of(
            "gemini-3.1-flash-image",
            Usage(total=6128, input=29, output=6099, by_modality={"output": {"image": 4480}}),
        ),
        # 29 x $0.50; 4,480 x $60.00. The 1,619 that the API doesn't list are text or images: $3 or $60.
        {"input": "0.0000145", "output": "0.2688"},
        {"output": 1619},
        {},
        id="the guide's image, listed in part",
    ),
    pytest.param(
        cost_of(FLASH, Usage(total=19, input=7, output=12)),
        {"output": "0.000036"},  # 12 x $3.00. The 7 may be audio, at twice the price.
        {"input": 7},
        {},
        id="an input without a list, where its modalities differ in price",
    ),
    pytest.param(
        cost_of("deep-research-preview-04-2026", Usage(total=1_117_031, input=428_865, output=22_294, thought=26_213)),
        {},  # "charged at standard Gemini list rates": of a model that the answer doesn't name
        {"input": 428_865, "output": 22_294, "thought": 26_213, "unattributed": 639_659},
        {},
        id="an agent",
    ),
    pytest.param(
        cost_of("gemini-3.5-flash", Usage(total=1000, input=400, output=500)),
        {"input": "0.0006", "output": "0.0045"},  # 400 x $1.50; 500 x $9.00
        {"unattributed": 100},
        {},
        id="what the API doesn't break down",
    ),
    pytest.param(
        cost_of("gemini-3.5-flash", Usage(input=400, output=500), "deferred"),
        {},
        {"input": 400, "output": 500},
        {},
        id="a tier without a price",
    ),
    pytest.param(
        cost_of("gemini-3.5-flash", Usage(input=400, grounding={"retrieval": 2, "teleport": 1, "google_search": 0})),
        {"input": "0.0006"},
        {},
        {"retrieval": 2, "other": 1},
        id="calls without a price",
    ),
    pytest.param(
        cost_of(PRO, Usage(total=300_000, output=1000)),
        {},
        {"output": 1000, "unattributed": 299_000},
        {},
        id="a context of unknown size",
    ),
    pytest.param(
        cost_of("gemini-3.5-flash", Usage(tool_use=900), tools=("google_search", "url_context")),
        {},
        {"tool_use": 900},
        {},
        id="a search, which is not billed, and a page, which is: what came from which?",
    ),
    pytest.param(
        cost_of("gemini-3.5-flash", Usage(tool_use=900)), {}, {"tool_use": 900}, {}, id="a tool that isn't known"
    ),
]


@pytest.mark.parametrize(("cost", "parts", "unpriced", "calls"), PARTLY)
def test_what_has_no_price_is_counted_and_never_free(
    cost: Cost, parts: dict[str, str], unpriced: dict[str, int], calls: dict[str, int]
) -> None:
    assert cost.parts == {type_: Decimal(amount) for type_, amount in parts.items()}
    assert (cost.unpriced, cost.unpriced_calls) == (unpriced, calls)
    assert cost.usd is None or cost.parts
