"""`python -m helm.reference`: writes the chart's values.schema.json and README.md, and examples/sidecar.yaml, anew.

Not here: what they are made of (values.py, schema.py, README.in.md, example.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dashboards import alert_settings
from helm import example, values
from helm.schema import schema
from helm.values import CHART, Value

PROSE = Path(__file__).parent / "README.in.md"
MAX_DEFAULT_CHARS = 60


def pages() -> dict[Path, str]:
    """Each generated file and its text."""
    found = values.read()
    return {
        CHART / "values.schema.json": json.dumps(schema(found, alert_settings.schema()), indent=2, ensure_ascii=False)
        + "\n",
        CHART / "README.md": PROSE.read_text(encoding="utf-8")
        .replace("@alert_settings@", alerts())
        .replace("@values@", table(found)),
    }


def table(found: Iterable[Value]) -> str:
    """The values as a table of Markdown."""
    rows = ["| value | type | default | |", "|---|---|---|---|"]
    for value in found:
        kind = value.type.replace("|", "\\|")
        rows.append(f"| `{value.name}` | {kind} | {_default(value.default)} | {value.doc} |")
    return "\n".join(rows)


def alerts() -> str:
    """The settings of the alerts as a table of Markdown."""
    said = alert_settings.comments()
    rows = ["| setting | default | |", "|---|---|---|"]
    rows += [f"| `{name}` | `{value}` | {said[name]} |" for name, value in alert_settings.load().items()]
    return "\n".join(rows)


def _default(value: Any) -> str:
    if value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if len(text) <= MAX_DEFAULT_CHARS else "see values.yaml"


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    # After the schema, which Helm reads.
    example.MANIFEST.write_text(example.manifest(), encoding="utf-8")


if __name__ == "__main__":
    main()
