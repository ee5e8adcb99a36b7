"""Each alert of config/rules is fired by traffic, told with its whole text, and over when its cause is.

The way is the real one: simulator, installed gateway, Prometheus, Alertmanager, webhook. Only the settings of the rules
are others (alerts.toml), so that windows take seconds. The seconds of each are in .cache/alerts and at the run's end.
Not here: what the rules say of given series (tests/rules).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import yaml

from dashboards import alert_settings
from dashboards.rules import FILLED, filled
from tests.alerts import report
from tests.alerts.causes import Collectors, causes, may_come_along, settings
from tests.alerts.run import Outcome, play
from tests.gateway_process import GatewayProcess

SETTINGS: Final = Path(__file__).parent / "alerts.toml"
ROOM_BYTES: Final = 90 * 1024 * 1024  # above what gateways have without trouble: less than three forwarders more
COLLECTORS: Final = Collectors()
CAUSES: Final = causes(COLLECTORS)
AWAITED: Final = [(cause, alert) for cause in CAUSES for alert in cause.alerts]


def _id(index: int) -> str:
    _, alert = AWAITED[index]
    return "-".join([alert.name, *alert.labels.values()])


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The one run in which all of it happens."""
    folder = tmp_path_factory.mktemp("alerts")

    def make_rules(running: Mapping[str, GatewayProcess]) -> str:
        had = max(gateway.scrape().total("process_resident_memory_bytes") for gateway in running.values())
        values = {**alert_settings.load(SETTINGS), "memory_bytes": int(had) + ROOM_BYTES}
        for name, text in filled(values).items():
            (folder / name).write_text(text, encoding="utf-8")
        return str(folder / "*.yml")

    with ExitStack() as stack:
        COLLECTORS.there.start(stack)
        done = asyncio.run(play(settings(folder, COLLECTORS), CAUSES, make_rules, folder))
    report.write(done)
    return done


@pytest.mark.timeout(300)
@pytest.mark.parametrize("index", range(len(AWAITED)), ids=_id)
def test_an_alert_comes_with_its_cause_and_goes_with_it(outcome: Outcome, index: int) -> None:
    """To the webhook, with every template filled in, and resolved with the same labels."""
    course = outcome.courses[index]

    assert course.alert == AWAITED[index][1]
    assert course.fired is not None, course.late
    assert course.resolved is not None, course.late
    assert set(course.fired.annotations) == {"summary", "description", "runbook_url"}
    for text in course.fired.annotations.values():
        assert "{{" not in text
        assert "<no value>" not in text
        assert "NaN" not in text


def test_every_alert_of_the_rules_has_its_cause() -> None:
    written = {
        rule["alert"]
        for path in FILLED.glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert {alert.name for _, alert in AWAITED} == written


def test_nothing_else_is_told(outcome: Outcome) -> None:
    """What a trouble doesn't bring along is not told of its gateway."""
    told = {(one.labels.get("namespace", ""), one.name) for one in outcome.told if one.status == "firing"}
    wanted = {(cause.gateway, alert.name) for cause, alert in AWAITED}

    assert wanted - told == set()
    assert told - wanted - may_come_along() == set()


def test_without_trouble_nobody_is_told_anything(outcome: Outcome) -> None:
    """Ordinary traffic for as long, by the same rules."""
    assert [one.annotations["summary"] for one in outcome.healthy] == []
    assert outcome.healthy_s > 15
    assert outcome.healthy_requests > 30


def test_the_seconds_are_shown(outcome: Outcome, figures: list[str]) -> None:
    figures += report.lines(outcome.courses)

    assert len(figures) > len(AWAITED)
