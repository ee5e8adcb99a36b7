"""The guides are typed as they stand, against the simulated API; what they print is what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.telemetry import names
from tests.guides.pages import GUIDES, PAGES, blocks, printed, tells

MARKS = {"sh", "sh elsewhere", "output", "toml", "yaml", "promql"}
# What a block of `sh elsewhere` may need: nothing of it is here, or it would change the machine.
ELSEWHERE = re.compile(r"\b(docker|helm|kubectl|systemctl|pip|python|journalctl|serve)\b")
METRIC = re.compile(r"\binteractions_gateway_[a-z_]+")
RUN = [page for page in PAGES if any(block.mark == "sh" for block in blocks(page))]


def test_there_is_a_guide_for_each_way_and_the_readme_links_each() -> None:
    readme = (GUIDES.parents[1] / "README.md").read_text(encoding="utf-8")

    assert {page.stem for page in PAGES} == {
        *("drop-in", "sidecar", "standalone", "pricing", "troubleshooting", "upgrade"),
    }
    assert [page.name for page in PAGES if f"(docs/guides/{page.name})" not in readme] == []


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_guide_works_as_it_stands(page: Path, tmp_path: Path) -> None:
    for block, text, said in printed(page, tmp_path):
        assert tells(said, text), f"after\n{block.text}\nthe page says\n{said}\nbut it printed\n{text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_says_what_it_is(page: Path) -> None:
    """Shell that isn't run can at least be read by a shell, and is about what isn't here."""
    for block in blocks(page):
        assert block.mark in MARKS
        if block.mark == "sh elsewhere":
            read = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True, timeout=20)
            assert read.returncode == 0, read.stderr
            assert ELSEWHERE.search(block.text), block.text
        if block.mark == "yaml":
            assert list(yaml.safe_load_all(block.text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_metric_that_a_guide_names_is_one(page: Path) -> None:
    """Or one that the rules record."""
    rules = "".join(rule.read_text(encoding="utf-8") for rule in (GUIDES.parents[1] / "config" / "rules").glob("*.yml"))
    known = {family.name.removesuffix("_total") for family in names.FAMILIES}
    known |= set(re.findall(r"record: (\S+)", rules))
    known.add("interactions_gateway_budget")  # how the series of budgets begin
    named = {
        re.sub(r"_(bucket|sum|count|total)$", "", name) for name in METRIC.findall(page.read_text(encoding="utf-8"))
    }

    assert {name for name in named if name not in known and not name.endswith("_")} == set()


def test_every_sample_that_troubleshooting_points_at_can_be_there() -> None:
    """Its metric has that label, and the log that event."""
    text = (GUIDES / "troubleshooting.md").read_text(encoding="utf-8")
    families = {family.name.removeprefix(names.PREFIX): family for family in names.FAMILIES}
    samples = re.findall(r"`([a-z_]+)\{([^}]*)\}`", text)
    events = {
        event
        for events in re.findall(r"((?:`\w+`(?:, | or | in )?)+)the log", text)
        for event in re.findall(r"\w+", events)
    }
    source = "".join(file.read_text(encoding="utf-8") for file in (GUIDES.parents[1] / "gateway").rglob("*.py"))
    labels = {(name, label.partition("=")[0]) for name, given in samples for label in given.split(",")}

    assert samples
    assert [(name, label) for name, label in labels if label not in families[name].labels] == []
    assert "not_reloaded" in events
    assert [event for event in sorted(events - {"in", "or"} - families.keys()) if f'"{event}"' not in source] == []
