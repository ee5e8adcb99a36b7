"""Settings of the alerts: what is wrong in a file is told, all of it, and other figures arrive in the rules."""

from __future__ import annotations

from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from dashboards import alert_settings, rules
from dashboards.alert_settings import DEFAULTS, AlertSettingsError, load
from tests.rules.rule_files import alerts

MISTAKES = [
    pytest.param('job_patern = "x"', "1: unknown setting job_patern: job_pattern is one", id="a misspelt name"),
    pytest.param("[slo]\nfast = 1", ": unknown setting slo: alerts.toml has all that there are", id="a table"),
    pytest.param('rate_window = "0s"', '1: rate_window = "0s" must be a duration over 0, such as "5m"', id="no window"),
    pytest.param("rate_window = 300", '1: rate_window = 300 must be a duration over 0, such as "5m"', id="a number"),
    pytest.param(
        'error_for = "5 minutes"',
        '1: error_for = "5 minutes" must be a duration, such as "5m"; "0s" for at once',
        id="words",
    ),
    pytest.param("error_ratio = 5", "1: error_ratio = 5 must be a number over 0, up to 1", id="percent"),
    pytest.param(
        "success_target = 1", "1: success_target = 1 must be a number between 0 and 1, such as 0.99", id="all of it"
    ),
    pytest.param("error_min = 0.5", "1: error_min = 0.5 must be a whole number over 0", id="half an error"),
    pytest.param("error_min = true", "1: error_min = True must be a whole number over 0", id="a truth"),
    pytest.param("silence_s = -1", "1: silence_s = -1 must be a number of seconds over 0", id="negative"),
    pytest.param("silence_s = nan", "1: silence_s = nan must be a number of seconds over 0", id="no number"),
    pytest.param(
        "memory_bytes = 1e9", "1: memory_bytes = 1000000000.0 must be a whole number of bytes over 0", id="1e9"
    ),
    pytest.param(
        "first_delta_threshold_s = 7",
        "1: first_delta_threshold_s = 7 must be a bound of the buckets, in seconds: "
        "0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 1800",
        id="between two buckets",
    ),
    pytest.param(
        'first_delta_kind = "words"',
        '1: first_delta_kind = "words" must be one of any, output, text, thought, tool, media',
        id="no kind",
    ),
    pytest.param(
        'job_pattern = "gateway("',
        '1: job_pattern = "gateway(" must be a regular expression without spaces, quotes, braces and backslashes',
        id="no expression",
    ),
    pytest.param(
        "runbook_base = 'a\"b'",
        '1: runbook_base = "a"b" must be a path or an address without spaces, quotes and braces',
        id="a quote",
    ),
    pytest.param(
        'slo_mid_short_window = "7h"',
        '1: slo_mid_short_window = "7h" must not be longer than slo_mid_long_window = "6h"',
        id="short and long",
    ),
    pytest.param(
        "slo_fast_factor = 20.5",
        "1: slo_fast_factor = 20.5 can't be reached with first_delta_target = 0.95: it must be less than 20",
        id="more than all of them",
    ),
]


@pytest.mark.parametrize(("content", "said"), MISTAKES)
def test_a_mistake_is_told(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(AlertSettingsError) as told:
        load(path)

    assert told.value.mistakes == [f"{path}{said if said.startswith(':') else ':' + said}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.toml"
    path.write_text('error_min = 0\n# and\nrate_window = "x"\n', encoding="utf-8")
    code = rules.main(["--settings", str(path), "--out", str(tmp_path / "rules")])

    assert code == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:1: error_min = 0 must be a whole number over 0",
        f'{path}:3: rate_window = "x" must be a duration over 0, such as "5m"',
    ]
    assert not (tmp_path / "rules").exists()


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("error_min = \n", encoding="utf-8")

    with pytest.raises(AlertSettingsError, match=r"own\.toml: no TOML: Invalid value \(at line 1, column 13\)"):
        load(tmp_path / "own.toml")
    with pytest.raises(AlertSettingsError, match=r"none\.toml: No such file or directory: name a file that can"):
        load(tmp_path / "none.toml")


def test_settings_and_rules_fit_together() -> None:
    names = set(load()) - {"error_min"} | {"error_mean"}

    with pytest.raises(AlertSettingsError) as told:
        load(wanted=names)

    place = next(
        n for n, line in enumerate(DEFAULTS.read_text("utf-8").splitlines(), 1) if line.startswith("error_min")
    )
    assert told.value.mistakes == [
        "config/alerts.toml: error_mean is missing, and a rule uses it: add it below a comment",
        f"config/alerts.toml:{place}: no rule uses error_min: take it out",
    ]


def test_own_figures_arrive_in_the_rules_and_the_rest_stays(tmp_path: Path) -> None:
    own, out = tmp_path / "own.toml", tmp_path / "rules"
    own.write_text('memory_bytes = 1000\nmemory_for = "1s"\nrunbook_base = "https://pages.example/runbook"\n', "utf-8")
    out.mkdir()
    (out / "others.yml").write_text("groups: []\n", encoding="utf-8")
    (out / "gone.yml").write_text("# Made by `make rules` from an older gateway\n", encoding="utf-8")
    code = rules.main(["--settings", str(own), "--out", str(out)])
    found = {rule.alert: rule for rule in alerts(out)}
    memory = found["InteractionsGatewayMemoryHigh"]

    assert code == 0
    assert {path.name for path in out.iterdir()} == {*rules.sources(), "others.yml"}
    assert memory.expr == "instance:interactions_gateway_resident_memory_bytes:sum > 1000"
    assert memory.annotations["runbook_url"] == "https://pages.example/runbook/InteractionsGatewayMemoryHigh.md"
    assert set(found) == {rule.alert for rule in alerts(rules.FILLED)}


def test_the_chart_reads_the_same_settings() -> None:
    values = yaml.safe_load(rules.CHART_SETTINGS.read_text(encoding="utf-8"))

    assert values == load()
    jsonschema.validate(values, alert_settings.schema())


@pytest.mark.parametrize("wrong", [{"error_min": 0}, {"first_delta_threshold_s": 7}, {"rate_window": "5"}, {"no": 1}])
def test_the_schema_refuses_what_the_reader_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, alert_settings.schema())


def test_every_setting_says_what_it_is() -> None:
    said = alert_settings.comments()

    assert set(said) == set(load())
    assert [name for name, comment in said.items() if not comment.endswith(".")] == []
