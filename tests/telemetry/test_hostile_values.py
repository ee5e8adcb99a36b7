"""A hundred thousand made-up values in every place of a request and of an answer: series and memory stay bounded.

Not here: the way of such values through a gateway's processes (e2e/test_attribution.py).
"""

from __future__ import annotations

import gc
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from math import prod

from gateway.config import AttributionSettings, LabelSettings, LogSettings, Settings, UsageSettings
from gateway.encoding import HEADER, decode, encode, frame
from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.names import Family, Kind
from gateway.wire.facts import Basis
from gateway.wire.outcome import Body, Outcome, Route
from tests.telemetry.factories import EVEN_PRICES, MODEL, MS, Bench, create, poll, resume, step, usage

EXCHANGES = 100_000
SETTLED = 20_000  # from here on nothing may grow
BATCH = 100
MAX_SERIES = 1_000
TEAMS, MODELS = 50, 24
# How many values the labels have that traffic cannot add to; those that it can add to have `other` and `none` left.
CLOSED = {
    "route": 5,
    "mode": 3,
    "outcome": 17,
    "kind": 7,
    "step_type": 24,
    "state": 2,
    "type": 6,
    "modality": 6,
    "basis": 2,
    "via": 2,
    "source": 5,
    "model": 2,
    "code": 2,
    "team": 2,
    "tier": 5,
    "tool": 4,
    "reason": 5,
}
OUTCOMES = (Outcome.COMPLETED, Outcome.FAILED, Outcome.STREAM_ERROR, Outcome.HTTP_ERROR, Outcome.TRUNCATED)


def room(family: Family) -> int:
    """How many series a family can have in which each open label is `other` or `none`."""
    samples = len(family.bounds) + 3 if family.kind is Kind.HISTOGRAM else 1
    return samples * prod(CLOSED[label] for label in family.labels)


def hostile(number: int) -> ExchangeClosed:
    """An exchange in which everything that others may choose is new."""
    word = f"x{number}"
    outcome = OUTCOMES[number % len(OUTCOMES)]
    make = (create, create, create, poll, resume)[number // len(OUTCOMES) % 5]
    record = make(
        outcome,
        exchange_id=word,
        http_status=random.Random(number).choice((400, 403, 499, 599)) if outcome is Outcome.HTTP_ERROR else 200,
        http_error_code=word,
        method="POST" if number % 7 else word.upper(),
        target=f"/{word}/interactions?{word}={word}",
        user_agent=word,
        client_address=word,
        traceparent=word,
        tracestate=word,
        request_model=f"gemini-{word}",
        request_previous_interaction_id=word,
        request_api_revision=word,
        interaction_id=word,
        interaction_model=f"gemini-{word}",
        interaction_status=word,
        interaction_service_tier=word if number % 4 else "flex",
        basis=Basis.FINAL,
        usage=usage(9, input=9, by_modality={"input": {word: 9}}),
        stream_steps=[step(0, word, 1, 2, name=word, id=word), step(1, "other", wire_type=word)],
        stream_steps_beyond={word: [1, 1]},
        stream_first_delta_ns={word: MS, "any": MS},
        stream_errors=2,
        stream_error_codes=[word, f"https://{word}/{word}"],
        stream_unknown={word: 1},
        stream_unknown_names=[word],
        stream_invalid={word: 1},
        stream_anomalies={word: 1},
        faults={word: 1},
        tags={tag: f"{tag}-{word}" for tag in ("team", "app", "user", "conversation", "client")},
    )
    if number % 11 == 0:
        record.route, record.body = Route.PASSTHROUGH, Body.OTHER
    return record


def batches() -> Iterator[list[ExchangeClosed]]:
    """All of them, as they come out of the channel; an honest one before each hundred."""
    for first in range(0, EXCHANGES, BATCH):
        records = [create(tags={"team": "honest"}, usage=usage(9, input=9))]
        records += [hostile(number) for number in range(first, first + BATCH)]
        yield decode(frame(1, [encode(record) for record in records])[HEADER.size :])  # type: ignore[misc]


def blocks() -> int:
    """Objects in memory."""
    gc.collect()
    return sys.getallocatedblocks()


def test_a_hundred_thousand_made_up_values_leave_the_number_of_series_bounded() -> None:
    """Each fold is counted; what had its series before stays true; memory stands still."""
    bench = Bench(
        Settings(
            labels=LabelSettings(models=("gemini-*", MODEL), teams=("honest",), max_series=MAX_SERIES),
            attribution=AttributionSettings(team="header:x-team"),
            usage=UsageSettings(remembered_interactions=1_000),
            log=LogSettings(level="error"),
            pricing=EVEN_PRICES,
        ),
        traced=False,
    )
    settled = 0
    for number, records in enumerate(batches(), 1):
        bench.apply(*records)
        if number * BATCH == SETTLED:
            settled = blocks()
    grown = blocks() - settled
    families = bench.families()
    series = sum(len(family.samples) for family in families.values())
    labels: dict[str, set[str]] = defaultdict(set)
    for sample in (sample for family in families.values() for sample in family.samples):
        for name in names.OPEN_LABELS & sample.labels.keys():
            labels[name].add(sample.labels[name])

    assert bench.telemetry.registry.series == series
    assert series <= MAX_SERIES + sum(room(family) for family in names.FAMILIES if names.OPEN_LABELS & {*family.labels})
    assert len(labels["team"]) <= TEAMS + 2
    assert len(labels["model"]) <= MODELS + 2
    assert len(labels["code"]) <= 2 * 41 + len(names.WIRE_CODES)
    assert "honest" in labels["team"]
    assert grown < (EXCHANGES - SETTLED) / 100  # one object kept of each would be a hundred times that
    ended = EXCHANGES + EXCHANGES // BATCH
    assert bench.value("requests_total") == ended
    assert bench.value("requests_total", team="honest", model=MODEL) == EXCHANGES // BATCH
    # 49 places of made-up teams, each of which had one exchange
    assert bench.value("label_overflow_total", label="team") == EXCHANGES - (TEAMS - 1)
    for label in ("model", "code", "modality", "step_type", "kind", "what", "reason", "anomaly", "where"):
        assert bench.value("label_overflow_total", label=label) > EXCHANGES / 2, label
    assert bench.value("label_overflow_total", label="tier") > EXCHANGES / 4  # most usages that count
    assert bench.value("label_overflow_total", label="series") > 0
    assert bench.value("cost_usd_total", team="honest", model=MODEL) == 0.009  # a thousand of nine tokens
    assert bench.value("cost_usd_total") < bench.value("tokens_total") / 1e6
    assert bench.value("cost_unpriced_tokens_total") > 0
    assert bench.value("telemetry_faults_total") == 0
    assert "x99999" not in bench.telemetry.render("")[0].decode()
