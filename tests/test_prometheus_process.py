"""The processes beside the gateway: what they are asked comes back. That alerts go the whole way is tests/alerts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway_process import wait_until
from tests.prometheus_process import alertmanager, prometheus


def rules(expression: str) -> str:
    """A file of rules with one alert, whose summary is its value."""
    alert = {"alert": "Told", "expr": expression, "annotations": {"summary": "{{ $value }}"}}
    return json.dumps({"groups": [{"name": "a", "rules": [alert]}]})


def test_changed_rules_are_taken_over_and_bad_ones_are_told(tmp_path: Path) -> None:
    """By reload(); leaving the context ends the process."""
    file = tmp_path / "rules.yml"
    file.write_text(rules("vector(7)"), encoding="utf-8")
    with prometheus({"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}, tmp_path) as api:
        (alert,) = wait_until(api.alerts, what="the alert")
        file.write_text(rules("vector(7) > 8"), encoding="utf-8")
        api.reload()
        wait_until(lambda: not api.alerts(), what="its end")
        (rule,) = api.rules()
        file.write_text("groups: 7", encoding="utf-8")
        with pytest.raises(RuntimeError, match="failed to reload config"):
            api.reload()

    assert (alert["labels"], alert["state"], alert["annotations"]) == (
        {"alertname": "Told"},
        "firing",
        {"summary": "7"},
    )
    assert (rule["name"], rule["query"], rule["health"]) == ("Told", "vector(7) > 8", "ok")
    assert not api.is_ready()


def test_a_query_gives_values_or_says_what_is_wrong(tmp_path: Path) -> None:
    with prometheus({}, tmp_path) as api:
        found = [(value.labels, value.value) for value in api.query('label_replace(vector(2), "a", "b", "", "")')]
        scalar = [value.value for value in api.query("1 + 2")]
        with pytest.raises(RuntimeError, match="parse error"):
            api.query("sum(")

    assert found == [({"a": "b"}, 2.0)]
    assert scalar == [3.0]


def test_an_alertmanager_answers(tmp_path: Path) -> None:
    with alertmanager({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}, tmp_path) as told:
        alerts = told.alerts()

    assert alerts == []
    assert not told.is_ready()


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unknown_key"), prometheus({"unknown_key": 1}, tmp_path):
        pass
