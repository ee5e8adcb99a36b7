"""The processes beside the gateway: what they are asked comes back, and an alert goes the whole way to the webhook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway_process import wait_until
from tests.prometheus_process import alertmanager, prometheus
from tests.webhook_receiver import WebhookReceiver

GROUPED = {"group_wait": "0s", "group_interval": "1s", "group_by": ["..."]}


def rules(expression: str) -> str:
    """A file of rules with one alert, whose summary is its value."""
    alert = {"alert": "Told", "expr": expression, "annotations": {"summary": "{{ $value }}"}}
    return json.dumps({"groups": [{"name": "a", "rules": [alert]}]})


def test_an_alert_comes_to_the_webhook_and_is_over(tmp_path: Path) -> None:
    """From a rule through both to the receiver; a changed rule is taken over by reload(), and it resolves."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "rules.yml").write_text(rules("vector(7)"), encoding="utf-8")
    with WebhookReceiver() as receiver:
        routes = {
            "route": {"receiver": "test", **GROUPED},
            "receivers": [{"name": "test", "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}],
        }
        with alertmanager(routes, tmp_path / "a") as told:
            config = {
                "global": {"evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [told.address]}]}]},
            }
            with prometheus(config, tmp_path / "p", flags=["--rules.alert.resend-delay=1s"]) as api:
                wait_until(api.alertmanagers, what="the Alertmanager's discovery")
                fired = receiver.first(lambda one: one.status == "firing")
                states = [(alert["labels"]["alertname"], alert["state"]) for alert in api.alerts()]
                known = [alert["labels"]["alertname"] for alert in told.alerts()]
                (tmp_path / "p" / "rules.yml").write_text(rules("vector(7) > 8"), encoding="utf-8")
                api.reload()
                resolved = receiver.first(lambda one: one.status == "resolved")
                (tmp_path / "p" / "rules.yml").write_text("groups: 7", encoding="utf-8")
                with pytest.raises(RuntimeError, match="failed to reload config"):
                    api.reload()

    assert (fired.name, fired.annotations) == ("Told", {"summary": "7"})
    assert states == [("Told", "firing")]
    assert known == ["Told"]
    assert (resolved.name, resolved.labels) == ("Told", fired.labels)
    assert (api.is_ready(), told.is_ready()) == (False, False)


def test_a_query_gives_values_or_says_what_is_wrong(tmp_path: Path) -> None:
    with prometheus({}, tmp_path) as api:
        found = [(value.labels, value.value) for value in api.query('label_replace(vector(2), "a", "b", "", "")')]
        scalar = [value.value for value in api.query("1 + 2")]
        with pytest.raises(RuntimeError, match="parse error"):
            api.query("sum(")

    assert found == [({"a": "b"}, 2.0)]
    assert scalar == [3.0]


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unknown_key"), prometheus({"unknown_key": 1}, tmp_path):
        pass
