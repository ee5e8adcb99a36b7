"""The committed dashboards are what the code makes, and nothing gets lost on the way through the SDK.

Not here: what is in them (test_structure.py, test_queries.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.__main__ import BOARDS, FOLDERS, PAGE, files
from dashboards.page import page
from tests.dashboards.committed import CHART_FOLDER, FOLDER, PATHS


def test_both_folders_are_written() -> None:
    assert set(FOLDERS) == {FOLDER, CHART_FOLDER}


@pytest.mark.parametrize("folder", FOLDERS, ids=["for people", "for the chart"])
def test_what_is_committed_is_what_the_code_makes(folder: Path) -> None:
    """`make dashboards` writes both folders; whoever changes one by hand loses it."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}

    assert committed == files()


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(BOARDS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_dashboard_survives_the_sdk_whole(path: Path) -> None:
    """Reading drops what Grafana's model doesn't know, so the same text means that there is no such thing in it."""
    text = path.read_text(encoding="utf-8")
    model = Dashboard.from_json(json.loads(text))

    assert JSONEncoder(sort_keys=True, indent=2).encode(model) + "\n" == text
