"""docs/scale.md says what the model says, and the settings are those that the sweep's rules choose."""

from __future__ import annotations

import pytest

from tests.scale import page, sweep
from tests.scale.cases import CASES
from tests.scale.defaults import DEFAULTS
from tests.scale.figures import Figures
from tests.scale.model import memory_limit_mib
from tests.scale.page import PAGE

FIGURES = Figures.read()
ROWS = sweep.read()


def test_the_tables_are_the_model_s() -> None:
    """`python -m tests.scale page` makes them anew."""
    text = PAGE.read_text(encoding="utf-8")

    assert page.filled(text, FIGURES, ROWS) == text


def test_every_table_stands_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert {name for name in page.tables(FIGURES, ROWS) if f"<!-- {name} -->\n| " not in text} == set()


def test_the_page_is_short_enough_to_read() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 262


def test_a_row_of_the_sweep_comes_out_the_same_again() -> None:
    """One of them; all are the heavy test's."""
    (row,) = (row for row in ROWS if (row.group, row.name) == ("target", "50% of a core"))

    assert sweep.run(FIGURES, row.group, row.name) == row


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_the_whole_sweep_comes_out_the_same_again() -> None:
    assert sweep.sweep(FIGURES) == ROWS


def test_every_setting_that_is_tried_has_its_row() -> None:
    assert [(row.group, row.name) for row in ROWS] == [
        (group, name) for group, of in sweep.tries().items() for name in of
    ]


def test_the_defaults_are_those_that_the_rules_choose() -> None:
    found = sweep.chosen(ROWS)

    assert found == {
        "target": DEFAULTS.target_core,
        "streams": DEFAULTS.target_streams,
        "window": DEFAULTS.down.window_s,
        "down": DEFAULTS.down.policies[0].value,
        "grace": DEFAULTS.grace_s,
    }
    assert DEFAULTS.target_core <= DEFAULTS.request_core
    assert DEFAULTS.termination_s >= DEFAULTS.grace_s + 25
    assert memory_limit_mib(CASES["10,000"].pod, FIGURES) < DEFAULTS.memory_limit_mib
