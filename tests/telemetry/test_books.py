"""What counts, and only once: accounting.md 2, 3 and 5, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import Settings, UsageSettings
from gateway.records import ExchangeClosed
from gateway.wire.facts import Basis, Mode, RequestFacts
from gateway.wire.outcome import Body, Outcome
from tests.telemetry.factories import (
    AGENT,
    MODEL,
    OLD,
    Bench,
    cancel,
    create,
    opened,
    poll,
    resume,
    step,
    usage,
)

FINAL = usage(100, input=60, output=30, thought=10)
RUNNING = usage(40, input=30, output=10)

TOKENS: list[Any] = [
    pytest.param([create(usage=FINAL)], {"create/final": 100}, id="a create counts its own final usage"),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING)],
        {"create/running": 40},
        id="a create that broke counts its running usage",
    ),
    pytest.param(
        [create(Outcome.GATEWAY_ERROR, usage=FINAL)], {"create/final": 100}, id="a create counts whatever its outcome"
    ),
    pytest.param([create(), create(usage=usage())], {}, id="no usage, or an empty one, counts nothing"),
    pytest.param([poll(usage=FINAL)], {"poll/final": 100}, id="a recent poll counts, created here or not"),
    pytest.param([poll(usage=FINAL), poll(usage=FINAL)], {"poll/final": 100}, id="a final usage counts once"),
    pytest.param(
        [create(usage=FINAL), poll(usage=FINAL)],
        {"create/final": 100},
        id="what the create counted is not polled again",
    ),
    pytest.param(
        [create(Outcome.IN_PROGRESS), poll(Outcome.IN_PROGRESS), poll(usage=FINAL), poll(usage=FINAL)],
        {"poll/final": 100},
        id="background: the first final poll counts",
    ),
    pytest.param([poll(usage=FINAL, interaction_updated=OLD)], {}, id="an old interaction is history, not spending"),
    pytest.param(
        [create(Outcome.IN_PROGRESS), poll(usage=FINAL, interaction_updated=OLD)],
        {},
        id="`updated` decides where it is there, even for what was created here",
    ),
    pytest.param([poll(usage=FINAL, interaction_updated=None)], {}, id="without `updated`, not created here: no"),
    pytest.param([poll(usage=FINAL, interaction_updated="yesterday")], {}, id="an unreadable `updated` is none"),
    pytest.param(
        [create(Outcome.IN_PROGRESS), poll(usage=FINAL, interaction_updated=None)],
        {"poll/final": 100},
        id="without `updated`, created here: yes",
    ),
    pytest.param(
        [poll(usage=RUNNING, basis=Basis.RUNNING)], {}, id="a running usage in a poll or resume is not counted"
    ),
    pytest.param([resume(Outcome.UPSTREAM_ABORT, usage=RUNNING, basis=Basis.RUNNING)], {}, id="nor in a resume"),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING), poll(usage=FINAL)],
        {"create/running": 40, "poll/final": 60},
        id="after a running usage only the growth counts",
    ),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, usage=RUNNING, basis=Basis.RUNNING), resume(usage=FINAL), poll(usage=FINAL)],
        {"create/running": 40, "poll/final": 60},
        id="a resume counts like a poll, and then no poll does",
    ),
    pytest.param(
        [create(Outcome.IN_PROGRESS), cancel(usage=RUNNING), poll(Outcome.CANCELLED, usage=RUNNING)],
        {"poll/final": 40},
        id="a cancel's answer counts like a poll",
    ),
    pytest.param([poll(Outcome.HTTP_ERROR, http_status=404, usage=FINAL)], {}, id="an error body has no usage"),
]


@pytest.mark.parametrize(("records", "expected"), TOKENS)
def test_when_tokens_count(bench: Bench, records: list[ExchangeClosed], expected: dict[str, float]) -> None:
    """accounting.md 2, "When"."""
    bench.apply(*records)

    found: dict[str, float] = {}
    for labels, value in bench.samples("tokens_total").items():
        key = f"{dict(labels)['via']}/{dict(labels)['basis']}"
        found[key] = found.get(key, 0) + value
    assert found == expected


def test_types_and_modalities_are_disjoint_and_add_up_to_the_total(bench: Bench) -> None:
    """A part the lists don't cover is unknown, a foreign modality is folded, the rest of the total unattributed."""
    bench.apply(
        create(
            usage=usage(
                1000,
                input=100,
                output=200,
                thought=300,
                tool_use=50,
                cached=40,
                by_modality={
                    "input": {"text": 70, "video": 20},
                    "output": {"hologram": 150, "audio": 50},
                    "tool_use": {"text": 51},
                    "cached": {"text": 40},
                },
            )
        )
    )

    found = {
        (dict(labels)["type"], dict(labels)["modality"]): value
        for labels, value in bench.samples("tokens_total").items()
    }
    assert found == {
        ("input", "text"): 70,
        ("input", "video"): 20,
        ("input", "unknown"): 10,
        ("output", "audio"): 50,
        ("output", "unknown"): 150,
        ("thought", "unknown"): 300,
        ("tool_use", "unknown"): 50,
        ("unattributed", "unknown"): 350,
    }
    assert sum(found.values()) == 1000
    assert bench.samples("cached_tokens_total") == {(("modality", "text"), ("model", MODEL)): 40}
    assert bench.value("anomalies_total", anomaly="modality_exceeds_total") == 1
    assert bench.value("label_overflow_total", label="modality") == 1


def test_a_usage_over_its_total_subtracts_nothing(bench: Bench) -> None:
    bench.apply(create(usage=usage(10, input=8, output=8)))

    assert bench.value("tokens_total") == 16
    assert bench.value("anomalies_total", anomaly="usage_exceeds_total") == 1


MISSING: list[Any] = [
    pytest.param(create(), True, id="completed without usage"),
    pytest.param(create(Outcome.CLIENT_ABORT), True, id="the client left"),
    pytest.param(create(Outcome.STREAM_ERROR), True, id="an error in the stream"),
    pytest.param(create(Outcome.TRUNCATED, usage=usage()), True, id="an empty usage states nothing"),
    pytest.param(create(usage=usage(0)), False, id="zero is stated"),
    pytest.param(create(Outcome.TRUNCATED, usage=RUNNING, basis=Basis.RUNNING), False, id="a running one is one"),
    pytest.param(create(Outcome.IN_PROGRESS), False, id="it goes on"),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=429), False, id="the API refused"),
    pytest.param(create(Outcome.UNKNOWN_STATUS), False, id="no status of the API's"),
    pytest.param(poll(), False, id="a poll"),
]


@pytest.mark.parametrize(("record", "missing"), MISSING)
def test_missing_usage_is_counted_for_creates_that_ended(bench: Bench, record: ExchangeClosed, missing: bool) -> None:
    bench.apply(record)

    assert bench.value("usage_missing_total", outcome=record.outcome.value) == missing


THOUGHT, ANSWER = step(0, "thought", 10, 20), step(1, "model_output", 30, 90)
UNARY_STEPS = [step(0, "thought"), step(1, "model_output")]

STEPS: list[Any] = [
    pytest.param(
        [create(stream_steps=[THOUGHT, ANSWER])], {"thought/closed": 1, "model_output/closed": 1}, id="a stream's steps"
    ),
    pytest.param(
        [create(stream_steps=[step(0, "thought", 10)])],
        {"thought/open_at_end": 1},
        id="no stop: open, even if completed",
    ),
    pytest.param(
        [create(stream_steps=[THOUGHT], stream_steps_beyond={"model_output": [3, 2]})],
        {"thought/closed": 1, "model_output/closed": 3, "model_output/open_at_end": 2},
        id="steps over the cap count by type",
    ),
    pytest.param(
        [poll(stream_steps=UNARY_STEPS, usage=FINAL), poll(stream_steps=UNARY_STEPS, usage=FINAL)],
        {"thought/closed": 1, "model_output/closed": 1},
        id="a poll's steps count once, with its usage",
    ),
    pytest.param(
        [poll(Outcome.IN_PROGRESS, stream_steps=UNARY_STEPS)], {}, id="a poll whose usage doesn't count has no steps"
    ),
    pytest.param(
        [create(Outcome.CLIENT_ABORT, stream_steps=[THOUGHT]), poll(stream_steps=UNARY_STEPS, usage=FINAL)],
        {"thought/closed": 1},
        id="not where a stream was seen here",
    ),
    pytest.param(
        [
            create(Outcome.IN_PROGRESS, body=Body.JSON, mode=Mode.BACKGROUND, stream_steps=[step(0, "thought")]),
            poll(stream_steps=UNARY_STEPS, usage=FINAL),
        ],
        {"thought/closed": 1, "model_output/closed": 1},
        id="nor what the create's own body counted",
    ),
    pytest.param(
        [
            create(Outcome.CLIENT_ABORT, stream_steps=[THOUGHT, step(1, "model_output", 30)]),
            resume(stream_steps=[step(1, "other", 5, 60, wire_type=None), step(2, "model_output", 70, 90)]),
        ],
        {"thought/closed": 1, "model_output/open_at_end": 1, "model_output/closed": 1},
        id="a resume counts new indexes only",
    ),
    pytest.param(
        [resume(stream_steps=[THOUGHT]), poll(stream_steps=UNARY_STEPS, usage=FINAL)],
        {"thought/closed": 1},
        id="a resumed stream is a stream",
    ),
    pytest.param(
        [resume(stream_steps=[step(3, "other", 5, 60, wire_type=None)])],
        {"other/closed": 1},
        id="without start, and never seen: other",
    ),
]


@pytest.mark.parametrize(("records", "expected"), STEPS)
def test_which_steps_count(bench: Bench, records: list[ExchangeClosed], expected: dict[str, float]) -> None:
    """accounting.md 3."""
    bench.apply(*records)

    found = {
        f"{dict(labels)['step_type']}/{dict(labels)['state']}": value
        for labels, value in bench.samples("steps_total").items()
    }
    assert found == expected


def test_a_step_without_start_takes_its_type_from_the_first_stream(bench: Bench) -> None:
    bench.apply(
        create(Outcome.CLIENT_ABORT, stream_steps=[step(0, "model_output", 30)]),
        resume(exchange_id="x2", stream_steps=[step(0, "other", 5, 60, wire_type=None)]),
    )
    bench.flush()

    names = [span.name for span in bench.spans.get_finished_spans()]
    assert names.count("step model_output") == 2


ERRORS: list[Any] = [
    pytest.param(create(Outcome.HTTP_ERROR, http_status=429), {"upstream_http/429": 1}, id="the status is the code"),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=599), {"upstream_http/other": 1}, id="a status nobody knows"),
    pytest.param(
        poll(Outcome.HTTP_ERROR, http_status=404, http_error_code="not_found"), {"upstream_http/404": 1}, id="any route"
    ),
    pytest.param(
        create(Outcome.STREAM_ERROR, stream_error_codes=["https://x.test/errors/Gateway_Timeout?a=1"], stream_errors=1),
        {"upstream_event/gateway_timeout": 1},
        id="a URI gives its last segment, in lower case",
    ),
    pytest.param(
        create(Outcome.STREAM_ERROR, stream_error_codes=["weird", None], stream_errors=3),
        {"upstream_event/other": 3},
        id="each error event counts, unlisted ones as other",
    ),
    pytest.param(
        create(stream_error_codes=["internal"], stream_errors=1), {"upstream_event/internal": 1}, id="also if completed"
    ),
    pytest.param(create(Outcome.FAILED), {"upstream_event/failed": 1}, id="failed without an error event"),
    pytest.param(
        create(Outcome.FAILED, stream_error_codes=["internal"], stream_errors=1),
        {"upstream_event/internal": 1},
        id="failed with one",
    ),
    pytest.param(poll(Outcome.FAILED), {}, id="a poll doesn't count the failure again"),
    pytest.param(create(Outcome.UPSTREAM_ABORT), {"transport/upstream_abort": 1}, id="cut"),
    pytest.param(create(Outcome.TRUNCATED), {"transport/truncated": 1}, id="truncated"),
    pytest.param(create(Outcome.CLIENT_ABORT), {"client/client_abort": 1}, id="the client left"),
    pytest.param(
        create(Outcome.REJECTED, http_status=503, code="draining"), {"gateway/draining": 1}, id="rule 1: our code"
    ),
    pytest.param(
        create(Outcome.GATEWAY_ERROR, http_status=502, code="connect_error"),
        {"gateway/connect_error": 1},
        id="rule 2: our code",
    ),
    pytest.param(create(), {}, id="a good end"),
]


@pytest.mark.parametrize(("record", "expected"), ERRORS)
def test_errors_by_source_and_code(bench: Bench, record: ExchangeClosed, expected: dict[str, float]) -> None:
    """accounting.md 5."""
    bench.apply(record)

    found = {
        f"{dict(labels)['source']}/{dict(labels)['code']}": value
        for labels, value in bench.samples("errors_total").items()
    }
    assert found == expected


def test_a_poll_is_counted_under_the_interactions_own_model(bench: Bench) -> None:
    bench.apply(poll(usage=FINAL, interaction_agent=AGENT, interaction_model=None))

    assert bench.value("tokens_total", model=AGENT, via="poll") == 100
    assert bench.value("requests_total", model="none", route="get") == 1


def test_what_is_forgotten_can_count_again() -> None:
    """The memory is bounded, oldest out: stated in the docs, shown here."""
    bench = Bench(Settings(usage=UsageSettings(remembered_interactions=1)))
    bench.apply(poll(usage=FINAL), poll(usage=FINAL, interaction_id="other-id"), poll(usage=FINAL))
    bench.flush()

    assert bench.value("tokens_total") == 300


def test_a_request_too_long_to_read_takes_its_model_from_the_answer(bench: Bench) -> None:
    record = create(interaction_model=MODEL)
    record.request = RequestFacts(understood=False)
    bench.apply(record)

    assert bench.value("requests_total", model=MODEL) == 1


def test_nothing_moves_before_the_exchange_closes(bench: Bench) -> None:
    bench.apply(opened())

    for name in ("requests_total", "steps_total", "tokens_total", "errors_total"):
        assert bench.samples(name) == {}
    assert bench.value("active_streams", mode="stream") == 1
