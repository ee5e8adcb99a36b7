"""The runbook: a page for each alert, of one shape, and true: queries, panels, links and words of the gateway exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards import alert_settings, rules
from tests.rules.known import recorded, samples
from tests.rules.rule_files import alerts, all_rules, selected
from tests.tools.programs import program

ROOT = alert_settings.ROOT
FOLDER = ROOT / "docs" / "runbook"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
ALERTS = alerts(rules.FILLED)

_QUERY = re.compile(r"^   ```promql\n(.+?)\n   ```$", re.MULTILINE | re.DOTALL)
_BOLD = re.compile(r"\*\*([^*]+)\*\*", re.DOTALL)
_WORD = re.compile(r"`([a-z][a-z0-9_.]+)`")
_LINK = re.compile(r"\]\(([^)]+)\)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_alert_has_a_page_every_page_an_alert_and_the_alert_leads_there() -> None:
    base = alert_settings.load()["runbook_base"]

    assert {page.stem for page in PAGES} == {rule.alert for rule in ALERTS}
    assert {rule.annotations["runbook_url"] for rule in ALERTS} == {f"{base}/{page.name}" for page in PAGES}
    for rule in ALERTS:
        assert rule.annotations["runbook_url"] == f"{base}/{rule.alert}.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_sections_and_three_looks(page: Path) -> None:
    said = text(page)
    severities = dict.fromkeys(rule.labels["severity"] for rule in ALERTS if rule.alert == page.stem)

    assert re.findall(r"^#+ .+$", said, re.MULTILINE) == [
        f"# {page.stem}",
        "## What the user feels",
        "## First three looks",
        "## What to do",
    ]
    looks = said.partition("## First three looks")[2].partition("## What to do")[0]
    assert re.findall(r"^\d+\.", looks, re.MULTILINE) == ["1.", "2.", "3."]
    assert _QUERY.findall(looks)
    assert re.search(rf"Severity: {', '.join(severities)}\.", " ".join(said.split()))
    assert said.partition("## What to do")[2].strip().startswith("- ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_what_there_is(page: Path) -> None:
    """Series and labels of its queries, panels, other pages; words of settings, labels and log lines."""
    said = text(page)
    known = {**samples(), **recorded(list(all_rules(rules.FILLED)))}
    for query in _QUERY.findall(said):
        for part in selected(query):
            assert set(part.matchers) <= known[part.metric]

    assert {" ".join(bold.split()) for bold in _BOLD.findall(said)} <= panels()
    assert [link for link in _LINK.findall(said) if not (FOLDER / link).exists()] == []
    words = {word.rpartition(".")[2] for word in _WORD.findall(said)}
    assert words - VOCABULARY - set(known) == set()


def panels() -> set[str]:
    """Titles of the dashboards, and of their panels."""
    boards = [json.loads(text(path)) for path in sorted((ROOT / "dashboards" / "json").glob("*.json"))]
    return {board["title"] for board in boards} | {panel["title"] for board in boards for panel in board["panels"]}


def _vocabulary() -> frozenset[str]:
    sources = (
        *(ROOT / "gateway").rglob("*.py"),
        *(ROOT / "config").glob("*.toml"),
        ROOT / "helm" / "interactions-gateway" / "values.yaml",
    )
    found = {word for path in sources for word in re.findall(r"\w+", text(path))}
    found |= {f"{what}_export_{how}" for what in ("span", "content_event") for how in ("failing", "recovered")}
    return frozenset(found | {"absent", "long"})  # a function of PromQL, a label of burn rates


VOCABULARY = _vocabulary()  # of the gateway's sources, of the settings of alerts and of the chart


def test_promtool_reads_every_query_of_the_pages(tmp_path: Path) -> None:
    queries = [" ".join(query.split()) for page in PAGES for query in _QUERY.findall(text(page))]
    checked = tmp_path / "queries.yml"
    records = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    checked.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": records}]}), encoding="utf-8")
    done = subprocess.run(
        [program("promtool"), "check", "rules", checked], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_index_has_each_page_once() -> None:
    assert sorted(re.findall(r"\((InteractionsGateway\w+\.md)\)", text(FOLDER / "README.md"))) == [
        page.name for page in PAGES
    ]
