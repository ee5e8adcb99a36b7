"""What the building blocks of queries come to, computed by Prometheus itself over series that are made up.

Not here: the queries made of them. Series have a point a minute; what is asked is asked at two hours.
"""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest

from dashboards.promql import of, one_of, or_none, or_zero, part_of, per_second, quantile, total, within
from dashboards.queries.requests import bad_share
from gateway.telemetry import names
from tests.tools.programs import program

WINDOW = "1h"
AT = "2h"
_CODE = 'source="upstream_http", code="500"'


def errors(values: str, more: str = _CODE) -> dict[str, str]:
    return {"series": f"{names.ERRORS.name}{{{more}}}", "values": values}


def computed(folder: Path, expr: str, series: list[dict[str, str]], expected: list[dict[str, object]]) -> None:
    """Fail unless the expression comes to these samples, with the values of the variables as after "All"."""
    for choice in ("namespace", "instance", "model", "team"):
        expr = expr.replace(f"${choice}", ".*")
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": expr, "eval_time": AT, "exp_samples": expected}],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    done = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def sample(value: float, labels: str = "{}") -> list[dict[str, object]]:
    return [{"labels": labels, "value": value}]


# What errors_total was, minute by minute, and by how much it grew in the last hour of two.
TOTALS = [
    pytest.param("0x60 1+1x59", 60, id="it grew each minute"),
    pytest.param("7x120", 0, id="it stood still"),
    pytest.param("_x90 5x30", 5, id="it began with its first error, and no other came"),
    pytest.param("_x90 5x10 8x19", 8, id="it began in the window and went on"),
    pytest.param("40x50 _x20 40x50", 0, id="a gap of the scrapes at the window's edge is no beginning"),
    pytest.param("40x70 _x20 40x30", 0, id="nor is one inside of it"),
    pytest.param("40x90 3x30", 3, id="a restart began again at 0"),
    pytest.param("40x90 _x10 3x20", 3, id="also where it was away for a while"),
]


@pytest.mark.parametrize(("values", "expected"), TOTALS)
def test_a_total(tmp_path: Path, values: str, expected: float) -> None:
    """Without extrapolation, which is of no consequence where the series has all of its points."""
    expr = f"round({total(names.ERRORS, WINDOW)})"

    computed(tmp_path, expr, [errors(values)], sample(expected))


def test_a_total_by_label_adds_what_began_to_what_went_on(tmp_path: Path) -> None:
    series = [
        errors("0x60 1+1x59", 'source="upstream_http", code="500"'),
        errors("_x90 5x30", 'source="upstream_http", code="503"'),
        errors("_x90 2x30", 'source="gateway", code="503"'),
    ]
    expected = [{"labels": '{code="500"}', "value": 60}, {"labels": '{code="503"}', "value": 7}]

    computed(tmp_path, f"round({total(names.ERRORS, WINDOW, 'code')})", series, expected)


SCRAPES = {"series": names.SERIES.name, "values": "100x120"}
BLANKS = [
    pytest.param(or_zero(total(names.ERRORS, WINDOW)), sample(0), id="or_zero"),
    pytest.param(
        or_none(per_second(names.ERRORS, "code", window=WINDOW), "code"), sample(0, '{code="none"}'), id="or_none"
    ),
]


@pytest.mark.parametrize(("expr", "expected"), BLANKS)
def test_nothing_seen_is_0_where_a_gateway_is_there_and_unknown_where_none_is(
    tmp_path: Path, expr: str, expected: list[dict[str, object]]
) -> None:
    computed(tmp_path, expr, [SCRAPES], expected)
    computed(tmp_path, expr, [], [])


def test_none_is_said_only_where_there_is_none(tmp_path: Path) -> None:
    expr = or_none(per_second(names.ERRORS, "code", window=WINDOW), "code")

    computed(tmp_path, expr, [SCRAPES, errors("0+60x120")], sample(1, '{code="500"}'))


SHARES = [
    pytest.param(["0+30x120", "0+30x120"], sample(0.5), id="half"),
    pytest.param(["0x120", "0+60x120"], sample(0), id="none of it"),
    pytest.param(["_x120", "0+60x120"], sample(0), id="none of it was ever there"),
    pytest.param(["0x120", "0x120"], [], id="nothing to be a share of"),
]


@pytest.mark.parametrize(("values", "expected"), SHARES)
def test_a_share(tmp_path: Path, values: list[str], expected: list[dict[str, object]]) -> None:
    bad, good = values
    series = [errors(bad), errors(good, 'source="client", code="client_abort"')]
    part = per_second(names.ERRORS, window=WINDOW, source=one_of("upstream_http", "transport"))

    computed(tmp_path, part_of(part, per_second(names.ERRORS, window=WINDOW)), series, expected)


def first_deltas(**by_bound: str) -> list[dict[str, str]]:
    name = f"{names.FIRST_DELTA.name}_bucket"
    found = [
        {"series": f'{name}{{kind="any", le="{bound.strip("_").replace("_", ".")}"}}', "values": values}
        for bound, values in by_bound.items()
    ]
    found.append({"series": f'{name}{{kind="any", le="+Inf"}}', "values": found[-1]["values"]})
    return [*found, {"series": f'{names.FIRST_DELTA.name}_count{{kind="any"}}', "values": found[-1]["values"]}]


def test_a_quantile_is_nothing_where_nothing_was_observed(tmp_path: Path) -> None:
    expr = quantile(0.5, names.FIRST_DELTA, window=WINDOW, kind="any")

    computed(tmp_path, expr, first_deltas(_1_0="0+60x120", _2_0="0+120x120"), sample(1))
    computed(tmp_path, expr, first_deltas(_1_0="9x120", _2_0="9x120"), [])


def test_a_share_within_a_bound(tmp_path: Path) -> None:
    expr = within(names.FIRST_DELTA, 8, window=WINDOW, kind="any")

    computed(tmp_path, expr, first_deltas(_8_0="0+45x120", _15_0="0+60x120"), sample(0.75))


def test_what_does_not_exist_can_not_be_asked() -> None:
    with pytest.raises(ValueError, match="has no kind"):
        of(names.ERRORS, kind="any")
    with pytest.raises(ValueError, match="no histogram"):
        of(names.ERRORS, "_bucket")
    with pytest.raises(ValueError, match="no histogram"):
        of(names.FIRST_DELTA)
    with pytest.raises(ValueError, match="no bound"):
        within(names.FIRST_DELTA, 7)


def test_success_is_judged_without_the_callers_own_mistakes(tmp_path: Path) -> None:
    """90 ended well; of 10 HTTP errors 4 are the caller's, one is a 429 and 5 the API's; 7 clients left."""
    series = [
        {"series": f'{names.REQUESTS.name}{{route="create", outcome="{outcome}"}}', "values": f"0+{minutely}x120"}
        for outcome, minutely in (("completed", 90), ("http_error", 10), ("client_abort", 7))
    ]
    series += [
        errors(f"0+{minutely}x120", f'source="upstream_http", code="{code}"')
        for code, minutely in (("400", 3), ("404", 1), ("429", 1), ("503", 5))
    ]
    expr = bad_share(partial(per_second, window=WINDOW))

    computed(tmp_path, f"round({expr}, 0.0001)", series, sample(round(6 / 96, 4)))
    computed(tmp_path, expr, [series[0]], sample(0))
    computed(tmp_path, expr, [], [])
