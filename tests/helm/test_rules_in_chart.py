"""The chart's rules are those of config/rules; its settings of them do what config/alerts.toml would."""

from __future__ import annotations

import re
from typing import Any

import helm_python
import pytest
import yaml

from dashboards import alert_settings, rules
from helm.values import CHART
from tests.helm.objects import NAME, OPERATOR, kinds, refusals, rendered

DEFAULTS = alert_settings.load()


def specs(values: dict[str, Any] | None = None) -> dict[str, Any]:
    """What each PrometheusRule says, by the file that it is from."""
    found = rendered(values, [OPERATOR]).of_kind("PrometheusRule")
    return {one["metadata"]["name"].removeprefix(f"{NAME}-") + ".yml": one["spec"] for one in found}


def filled(**settings: alert_settings.Value) -> dict[str, Any]:
    """The same without Helm, as `make rules` fills them."""
    return {name: yaml.safe_load(text) for name, text in rules.filled({**DEFAULTS, **settings}).items()}


def other(name: str) -> alert_settings.Value:
    """Another value than the default that the setting may have."""
    if name == "job_pattern":
        return "a.+b"
    if name == "runbook_base":
        return "https://example.com/runbook"
    if name == "first_delta_kind":
        return "output"
    if name.endswith("_target"):
        return 0.9
    if name == "first_delta_threshold_s":
        return 15
    match DEFAULTS[name]:
        case str(duration):
            return f"1{duration}" if name.endswith("_window") else "3m30s"
        case int(number):
            return 3_000_000 if name.endswith(("_min", "_bytes")) else number * 0.5
        case number:
            return number / 4


OTHERS = {name: other(name) for name in DEFAULTS}
# Windows that were made longer in step, whatever their defaults were.
OTHERS |= {name: "20m" for name in DEFAULTS if "_short_" in name}


def test_by_default_the_rules_are_those_of_config_rules() -> None:
    committed = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in rules.FILLED.glob("*.yml")}

    assert specs() == committed
    assert len(committed) > 3


def test_every_setting_does_in_the_chart_what_it_does_in_the_file() -> None:
    """All of them changed at once, whole numbers, shares, durations and texts; no place is left unfilled."""
    made = specs({"prometheusRule": {"settings": OTHERS}})

    assert {name for name in DEFAULTS if OTHERS[name] == DEFAULTS[name]} == set()
    assert made == filled(**OTHERS)
    assert re.search(r"@\w+@", str(made)) is None


def test_each_setting_is_in_the_schema_with_what_it_says() -> None:
    unknown = {"prometheusRule": {"settings": {"error_ratio": 0.1, "eror_ratio": 0.1}}}

    with pytest.raises(helm_python.HelmValuesError, match="additional properties 'eror_ratio' not allowed"):
        rendered(unknown)
    with pytest.raises(helm_python.HelmValuesError, match=r"maximum: got 1\.5, want 1"):
        rendered({"prometheusRule": {"settings": {"error_ratio": 1.5}}})
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert [name for name in DEFAULTS if f"| `{name}` | `{DEFAULTS[name]}` |" not in readme] == []


@pytest.mark.parametrize(
    ("enabled", "apis", "are_there"),
    [
        ("auto", [OPERATOR], True),
        ("auto", [f"{OPERATOR}/PrometheusRule"], True),
        ("auto", [f"{OPERATOR}/ServiceMonitor"], False),
        ("auto", [], False),
        (True, [OPERATOR], True),
        (False, [OPERATOR], False),
    ],
)
def test_rules_come_where_they_are_wanted_and_known(enabled: Any, apis: list[str], *, are_there: bool) -> None:
    assert ("PrometheusRule" in kinds({"prometheusRule": {"enabled": enabled}}, apis)) is are_there


def test_rules_have_the_labels_that_a_prometheus_selects_by() -> None:
    values = {"prometheusRule": {"labels": {"release": "prometheus"}}}

    for made in rendered(values, [OPERATOR]).of_kind("PrometheusRule"):
        assert made["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize("values", [{}, {"nameOverride": "llm-gw"}, {"fullnameOverride": "x"}, {"standalone": False}])
def test_the_rules_find_the_job_that_the_monitors_make(values: dict[str, Any]) -> None:
    """Whatever release and chart are called, and whose pods they are: the pattern matches the whole of it."""
    scraped = {**values, "prometheusRule": {"enabled": True}}
    by_pods = rendered({**scraped, "metrics": {"podMonitor": {"enabled": True}}}, [OPERATOR])
    (endpoint,) = by_pods.of_kind("PodMonitor")[0]["spec"]["podMetricsEndpoints"]
    jobs = {rule["replacement"] for rule in endpoint["relabelings"] if rule["targetLabel"] == "job"}
    for monitor in rendered(scraped, [OPERATOR]).of_kind("ServiceMonitor"):
        service = rendered(scraped, [OPERATOR]).one("Service", monitor["metadata"]["name"] + "-metrics")
        jobs.add(service["metadata"]["labels"][monitor["spec"]["jobLabel"]])
    patterns = set(re.findall(r'job=~"([^"]+)"', str([made["spec"] for made in by_pods.of_kind("PrometheusRule")])))

    assert len(patterns) == len(jobs) == 1
    assert re.fullmatch(patterns.pop(), jobs.pop())


@pytest.mark.parametrize(
    ("memory", "limit_bytes"),
    [
        ("768Mi", 768 * 2**20),
        ("2Gi", 2 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("900000k", 900_000_000),
        ("1073741824", 2**30),
    ],
)
def test_the_alert_on_memory_follows_the_limit(memory: str, limit_bytes: int) -> None:
    made = specs({"resources": {"limits": {"memory": memory}}})

    assert made == filled(memory_bytes=-(-limit_bytes * 85 // 100))


@pytest.mark.parametrize("limits", [None, {"memory": None}, {"memory": "1e9"}])
def test_without_a_limit_that_is_understood_the_alert_on_memory_has_its_default(limits: Any) -> None:
    assert specs({"resources": {"limits": limits}}) == filled()


def test_a_setting_goes_over_what_the_release_says() -> None:
    settings: dict[str, alert_settings.Value] = {"memory_bytes": 1_000_000_000, "job_pattern": "mine"}

    assert specs({"prometheusRule": {"settings": settings}, "resources": {"limits": {"memory": "2Gi"}}}) == filled(
        **settings
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(
            {"slo_mid_short_window": "7h"},
            "prometheusRule.settings.slo_mid_short_window (7h) is longer than slo_mid_long_window (6h): shorten it",
            id="a short window longer than the long one",
        ),
        pytest.param(
            {"slo_slow_long_window": "5h59m"},
            "prometheusRule.settings.slo_slow_short_window (6h) is longer than slo_slow_long_window (5h59m): "
            "shorten it",
            id="a long one shorter than the short one",
        ),
        pytest.param(
            {"slo_fast_factor": 20},
            "prometheusRule.settings.slo_fast_factor (20) can't be reached with first_delta_target 0.95: lower it",
            id="a factor that no failing reaches",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], sentence: str) -> None:
    """As dashboards/alert_settings.py refuses them."""
    assert refusals({"prometheusRule": {"settings": settings}}) == [sentence]
    assert refusals({"prometheusRule": {"settings": {"slo_mid_short_window": "6h", "slo_fast_factor": 19}}}) == []
