"""Labels stay in their domains, and every fold is counted."""

from __future__ import annotations

import pytest

from gateway.config import LabelSettings, Settings
from gateway.telemetry.labels import CodeLabels, ModelLabels, TeamLabels, short_code, tier
from gateway.wire.outcome import Outcome
from tests.telemetry.factories import AGENT, MODEL, Bench, create


class Overflow:
    """Keeps what was folded."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def __call__(self, label: str) -> None:
        self.labels.append(label)


def test_a_model_is_admitted_only_by_an_exchange_the_upstream_accepted() -> None:
    """Else requests for made-up names could fill the cap before the first real one comes."""
    overflow = Overflow()
    models = ModelLabels(("gemini-*",), 2, overflow)
    junk = [models.fold(f"gemini-junk-{number}", accepted=False) for number in range(50)]

    assert set(junk) == {"other"}
    assert [models.fold(name, accepted=True) for name in ("gemini-a", "gemini-b", "gemini-c")] == [
        "gemini-a",
        "gemini-b",
        "other",
    ]
    assert models.fold("gemini-a", accepted=False) == "gemini-a"
    assert overflow.labels == ["model"] * 51


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (None, "none"),
        ("", "none"),
        ("exact", "exact"),
        ("gemini-3", "gemini-3"),
        ("claude", "other"),
        ("gemini-\x1b[2J", "other"),
        ("gemini-" + "x" * 200, "other"),
    ],
)
def test_models_match_patterns(model: str | None, expected: str) -> None:
    assert ModelLabels(("exact", "gemini-*"), 5, Overflow()).fold(model, accepted=True) == expected


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("gateway_timeout", "gateway_timeout"),
        ("INVALID_ARGUMENT", "invalid_argument"),
        ("https://ai.example/errors/rate_limit_exceeded", "rate_limit_exceeded"),
        ("https://ai.example/errors/safety/", "safety"),
        ("/errors/safety#more", "safety"),
        ("", None),
        (None, None),
        ("/", None),
    ],
)
def test_wire_codes_are_one_word(code: str | None, short: str | None) -> None:
    assert short_code(code) == short


def test_unlisted_codes_are_other_and_settings_list_more() -> None:
    overflow = Overflow()
    codes = CodeLabels(("Quota_Gone",), overflow)

    assert [codes.wire(code) for code in ("quota_gone", "nonsense", None)] == ["quota_gone", "other", "other"]
    assert overflow.labels == ["code"]  # a missing code is no foreign one


def test_own_codes_are_capped() -> None:
    overflow = Overflow()
    codes = CodeLabels((), overflow)
    found = {codes.own(f"code_{letter}{more}") for letter in "abcdefgh" for more in "abcdefgh"}

    assert len(found) == 41
    assert codes.own("Not A Code") == "other"


def test_a_team_has_its_place_from_the_settings_or_from_an_exchange_that_was_accepted() -> None:
    overflow = Overflow()
    teams = TeamLabels(("search",), (("1c4a", "ads"), ("77aa", "ads")), 3, overflow)
    junk = {teams.fold(f"junk-{number}", accepted=False) for number in range(50)}

    assert junk == {"other"}
    assert [teams.fold(name, accepted=False) for name in ("search", "ads", None, "")] == [
        "search",
        "ads",
        "none",
        "none",
    ]
    assert [teams.fold(name, accepted=True) for name in ("maps", "mail", "ads")] == ["maps", "other", "ads"]
    assert teams.fold("maps", accepted=False) == "maps"
    assert overflow.labels == ["team"] * 51


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("équipe", "équipe"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "other"),
        ("a\x1b[2J", "other"),
        ("none", "none"),
        ("other", "other"),
    ],
)
def test_odd_names_of_teams(name: str, label: str) -> None:
    """Our own two words are nobody's: neither takes a place."""
    teams = TeamLabels((), (), 1, Overflow())

    assert teams.fold(name, accepted=True) == label
    assert (teams.fold("late", accepted=True) == "late") == (label in {"none", "other"})


def test_a_team_has_the_name_that_the_settings_give_its_value() -> None:
    teams = TeamLabels((), (("1c4a", "ads"),), 5, Overflow())

    assert [teams.name(value) for value in ("1c4a", "ads", "77aa")] == ["ads", "ads", "77aa"]


def test_changed_settings_take_no_place_away() -> None:
    """There are series of it: a counter that stands still for ever, and another that begins, would be a false story."""
    teams = TeamLabels(("old",), (), 2, Overflow())
    models = ModelLabels(("exact", "a-*"), 2, Overflow())
    codes = CodeLabels(("old",), Overflow())
    assert [teams.fold("met", accepted=True), models.fold("a-1", accepted=True)] == ["met", "a-1"]
    teams.update(("new",), (("v", "named"),), 2)
    models.update(("newer", "b-*"), 3)
    codes.update(("new",))

    assert [teams.fold(name, accepted=True) for name in ("old", "met", "new", "named", "more")] == [
        *("old", "met", "new", "named", "other"),
    ]
    assert [models.fold(name, accepted=True) for name in ("exact", "a-1", "newer", "b-1", "a-2")] == [
        *("exact", "a-1", "newer", "other", "other"),
    ]
    assert [codes.wire(code) for code in ("old", "new", "newest")] == ["old", "new", "other"]


def test_tiers() -> None:
    overflow = Overflow()

    assert [tier(value, overflow) for value in ("flex", None, "gold")] == ["flex", "none", "other"]
    assert overflow.labels == ["tier"]


def test_every_fold_is_counted_once_an_exchange() -> None:
    bench = Bench(Settings(labels=LabelSettings(models=(MODEL,))))
    bench.apply(
        create(request_model="gemini-9", stream_error_codes=["odd"], stream_errors=1, outcome=Outcome.STREAM_ERROR),
        create(request_agent=AGENT),
        create(),
    )
    bench.flush()

    assert bench.value("label_overflow_total", label="model") == 2
    assert bench.value("label_overflow_total", label="code") == 1
    assert bench.value("requests_total", model="other") == 2
    assert bench.value("requests_total", model=MODEL) == 1
