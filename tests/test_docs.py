"""The pages under docs say only what is so: every test that they name exists, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINKED = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINKED += [page for page in sorted((ROOT / "helm").rglob("*.md")) if not page.name.endswith(".in.md")]
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def test_there_are_pages() -> None:
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))

    assert named
    for path, test in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not test or re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"{path}::{test}"


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    lost = []
    for link in LINK.finditer(FENCED.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            lost.append(link[0])

    assert lost == []


def test_the_index_has_each_page_once() -> None:
    """Of the runbook it has the index; the alerts' pages are there."""
    docs = ROOT / "docs"
    table = re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", (docs / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    pages = {path.relative_to(docs).as_posix() for path in [*docs.glob("*.md"), *docs.glob("guides/*.md")]}
    pages |= {"runbook/README.md", "../helm/interactions-gateway/README.md"}

    assert sorted(table) == sorted(pages - {"README.md"})


def test_every_picture_has_a_place() -> None:
    """A picture that no page shows grows old unseen."""
    shown = {
        (page.parent / path).resolve()
        for page in LINKED
        for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }

    assert {path for end in ("png", "svg") for path in (ROOT / "docs").rglob(f"*.{end}")} == shown


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
