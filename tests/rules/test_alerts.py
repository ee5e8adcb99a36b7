"""Every alert: silent one minute, firing in the next with its whole text, and silent where nobody should be woken."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dashboards import rules
from tests.rules.cases import Case, Fires, Never, cases
from tests.rules.promtool import verdicts
from tests.rules.rule_files import alerts

CASES = cases()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What promtool says of each case; empty where it holds."""
    return verdicts(CASES, tmp_path_factory.mktemp("promtool"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_alert(case: Case, said: Mapping[str, str]) -> None:
    assert said[case.id] == ""


def test_every_alert_has_a_case_that_fires_and_one_that_never_does() -> None:
    """A case that fires is silent in the minute before; of each rule, told apart by its severity and windows."""
    wanted = {(rule.file, rule.alert, *sorted(rule.labels.items())) for rule in alerts(rules.FILLED)}
    fire = {
        (case.file, case.alert, *sorted((name, told.labels[name]) for name in told.labels if name in FIXED))
        for case in CASES
        if isinstance(case, Fires)
        for told in case.alerts
    }
    never = {case.alert for case in CASES if isinstance(case, Never)}

    assert fire == wanted
    assert never == {alert for _, alert, *_ in wanted}


FIXED = ("severity", "long", "short")


def test_no_two_cases_have_one_name() -> None:
    names = [case.id for case in CASES]

    assert len(names) == len(set(names))
