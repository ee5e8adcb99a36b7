"""Whom an exchange is for: the team on metrics, all tags on spans and in the log, and nothing unless configured."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import AttributionSettings, LabelSettings, Settings
from gateway.records import ExchangeClosed
from gateway.telemetry import names
from gateway.telemetry.books import Books
from gateway.wire.outcome import Outcome, Route
from tests.telemetry.factories import EVEN_PRICES, MODEL, MS, Bench, cancel, create, opened, poll, usage

TAGS = {"team": "1c4a", "app": "shop", "user": "u-7", "conversation": "c-1", "client": "batch"}
BY_TEAM = {family.name.removeprefix(names.PREFIX) for family in names.FAMILIES if family.by_team}


def bench_of(**labels: Any) -> Bench:
    attribution = AttributionSettings(team="header:x-team", team_names=(("1c4a", "search"),))
    return Bench(Settings(attribution=attribution, labels=LabelSettings(**labels), pricing=EVEN_PRICES))


def teams(bench: Bench, family: str) -> set[str]:
    """The teams of a family's samples, zeros included."""
    name = f"{names.PREFIX}{family}".removesuffix("_total")
    return {sample.labels.get("team", "(no label)") for sample in bench.families()[name].samples}


def attributes(bench: Bench) -> dict[str, dict[str, Any]]:
    """By the first word of the span's name."""
    bench.flush()
    return {span.name.split()[0]: dict(span.attributes or {}) for span in bench.spans.get_finished_spans()}


def test_each_family_that_is_told_by_team_has_the_team() -> None:
    """And no other family."""
    bench = bench_of()
    failed = create(
        Outcome.FAILED,
        usage=usage(5, input=5),
        stream_first_delta_ns={"any": MS},
        tags=dict(TAGS),
    )
    bench.apply(failed, create(Outcome.STREAM_ERROR, stream_errors=1, usage=usage(3), stream_first_delta_ns={"any": 1}))

    assert BY_TEAM
    for family in BY_TEAM:
        assert teams(bench, family) == {"search", "none"}, family
    for other in names.FAMILIES:
        if not other.by_team:
            assert teams(bench, other.name.removeprefix(names.PREFIX)) <= {"(no label)"}, other.name
    bench.flush()


def test_a_team_that_is_not_configured_is_no_label() -> None:
    bench = Bench(Settings(attribution=AttributionSettings(app="header:x-app")))
    bench.apply(create(tags={"app": "shop"}))

    assert teams(bench, "requests_total") == {"(no label)"}
    assert attributes(bench)["POST"].get("interactions.team") is None


ACCEPTED = [
    pytest.param(create(), "new", id="an interaction"),
    pytest.param(create(Outcome.HTTP_ERROR, http_status=403), "other", id="refused"),
    pytest.param(create(Outcome.UPSTREAM_ABORT, http_status=None), "other", id="no answer"),
    pytest.param(poll(), "new", id="a poll"),
    pytest.param(poll(Outcome.FORWARDED, route=Route.PASSTHROUGH), "other", id="what anybody may get without a key"),
    pytest.param(
        poll(Outcome.FORWARDED, route=Route.PASSTHROUGH, method="POST"), "new", id="another request for a model"
    ),
]


@pytest.mark.parametrize(("record", "label"), ACCEPTED)
def test_a_new_team_needs_an_exchange_that_the_upstream_accepted(record: ExchangeClosed, label: str) -> None:
    bench = bench_of()
    record.tags = {"team": "new"}
    bench.apply(record)

    assert teams(bench, "requests_total") == {label}
    assert bench.value("label_overflow_total", label="team") == (label == "other")
    bench.flush()


def test_teams_beyond_the_places_are_other_and_keep_their_name_on_spans_and_in_the_log() -> None:
    bench = bench_of(teams=("ads",), max_teams=3)  # ads, search, and one more
    bench.apply(*(create(tags={"team": team}) for team in ("maps", "mail", "ads", "1c4a")))

    assert teams(bench, "requests_total") == {"maps", "other", "ads", "search"}
    assert bench.value("label_overflow_total", label="team") == 1
    assert [line["team"] for line in bench.lines()] == ["maps", "mail", "ads", "search"]
    bench.flush()


def test_changed_settings_are_followed_while_it_runs() -> None:
    """Lists, limits and names; the label itself stays as it began."""
    bench = bench_of(max_teams=2)
    bench.apply(*(create(tags={"team": team}) for team in ("maps", "mail", "1c4a")))
    bench.telemetry.relabel(
        Settings(
            labels=LabelSettings(teams=("mail",), models=("claude-1",), codes=("odd",), max_series=1),
            attribution=AttributionSettings(team_names=(("1c4a", "find"),)),
        )
    )
    odd = {"stream_errors": 1, "stream_error_codes": ["odd"]}
    bench.apply(*(create(tags={"team": team}) for team in ("maps", "mail", "1c4a")))
    bench.apply(create(Outcome.STREAM_ERROR, request_model="claude-1", **odd))

    assert [line["team"] for line in bench.lines() if "team" in line] == [
        *("maps", "mail", "search", "maps", "mail", "find"),
    ]
    assert bench.value("requests_total", team="maps") == 2  # it had its series
    assert bench.value("label_overflow_total", label="team") == 1  # mail, before it was named
    assert bench.value("label_overflow_total", label="series") > 0
    assert bench.value("label_overflow_total", label="model") == bench.value("label_overflow_total", label="code") == 0
    bench.flush()


def test_tags_stand_on_the_server_span_and_on_the_interactions() -> None:
    bench = bench_of()
    bench.apply(create(tags=dict(TAGS), times_upstream_start_ns=None))
    spans = attributes(bench)
    both = {"interactions.team": "search", "interactions.app": "shop", "user.id": "u-7"}
    of_tags = both.keys() | {"interactions.client", "gen_ai.conversation.id"}
    found = {name: {tag: value for tag, value in had.items() if tag in of_tags} for name, had in spans.items()}

    assert found == {
        "POST": {**both, "interactions.client": "batch"},
        "generate_content": {**both, "gen_ai.conversation.id": "c-1"},
    }


def test_an_exchange_without_an_interactions_span_has_them_on_the_server_span() -> None:
    bench = bench_of()
    bench.apply(cancel(tags=dict(TAGS), times_upstream_start_ns=None))

    assert attributes(bench).keys() == {"POST"}
    assert attributes(bench)["POST"]["interactions.team"] == "search"


def test_the_log_line_has_them_beside_the_clients_address() -> None:
    bench = bench_of()
    bench.apply(create(tags=dict(TAGS), client_address="10.0.0.9"), create())
    first, second = bench.lines()

    wanted = {"team": "search", "app": "shop", "user": "u-7", "conversation": "c-1", "client_name": "batch"}
    assert {**wanted, "client": "10.0.0.9"}.items() <= first.items()
    assert wanted.keys() & second.keys() == set()
    bench.flush()


def test_what_a_dead_forwarder_had_open_keeps_its_team() -> None:
    bench = bench_of()
    record = opened()
    record.tags = {"team": "1c4a", "user": "u-7"}
    bench.apply(record)
    bench.telemetry.disconnected(bench.session)

    assert teams(bench, "requests_total") == {"search"}
    (line,) = bench.lines()
    assert (line["team"], line["user"], line["outcome"]) == ("search", "u-7", "gateway_error")
    bench.flush()


def test_an_exchange_that_could_not_be_decided_is_counted_without_its_team(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its samples must have the label that the family has, or it would be missing from the balance."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Books, "account", broken)
    bench = bench_of()
    bench.apply(create(tags=dict(TAGS)))

    assert bench.value("requests_total", team="other", model="other") == 1
    assert bench.value("telemetry_faults_total") == 1
    assert MODEL not in bench.telemetry.render("")[0].decode()
    bench.flush()
