"""`python -m dashboards` writes the dashboards, for people who import them and for the chart, and their page."""

from __future__ import annotations

from pathlib import Path

from dashboards import cost, errors, health, overview, streaming
from dashboards.board import Board
from dashboards.page import page

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "dashboards" / "json", ROOT / "helm" / "interactions-gateway" / "dashboards")
PAGE = ROOT / "docs" / "dashboards.md"
BOARDS: tuple[Board, ...] = (overview.BOARD, streaming.BOARD, cost.BOARD, errors.BOARD, health.BOARD)


def files() -> dict[str, str]:
    """The files by name, as they are committed in each folder."""
    return {f"{board.uid}.json": board.text() for board in BOARDS}


def main() -> None:
    """Write them, and take away what is no dashboard any more."""
    made = files()
    for folder in FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            if old.name not in made:
                old.unlink()
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    PAGE.write_text(page(BOARDS), encoding="utf-8")
    print(f"{len(made)} dashboards in {' and '.join(str(folder.relative_to(ROOT)) for folder in FOLDERS)}")


if __name__ == "__main__":
    main()
