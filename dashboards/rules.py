"""`python -m dashboards.rules` fills the settings of config/alerts.toml into the rules, as config/rules.

The sources are inside the chart, since Helm reads only there: helm/interactions-gateway/rules. `@name@` in them is the
setting of that name, put in as text, here and by Helm.
Not here: what a setting may be (alert_settings.py), what the rules say (the sources).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboards import alert_settings
from dashboards.alert_settings import ROOT, AlertSettingsError, Values

SOURCES = ROOT / "helm" / "interactions-gateway" / "rules"
FILLED = ROOT / "config" / "rules"
CHART_SETTINGS = SOURCES / "settings.yaml"

_PLACE = re.compile(r"@(\w+)@")
_MADE = "# Made by `make rules`"
_HEAD = _MADE + " from {source} and {settings}: change those.\n"


def sources() -> Mapping[str, str]:
    """Rules with `@name@` for settings, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.yml"))}


def placeholders() -> frozenset[str]:
    """Names of the settings that the rules use."""
    return frozenset(name for text in sources().values() for name in _PLACE.findall(text))


def filled(values: Values, settings: str = "config/alerts.toml") -> Mapping[str, str]:
    """The rules as Prometheus reads them, by file name. settings: what the head of each file says they are from."""
    made = {}
    for name, source in sources().items():
        text = _PLACE.sub(lambda found: alert_settings.text(values[found[1]]), source)
        made[name] = _HEAD.format(source=f"{SOURCES.relative_to(ROOT)}/{name}", settings=settings) + text
    return made


def chart_settings() -> str:
    """The defaults as YAML, which Helm reads: the same names, values and comments."""
    values, said = alert_settings.load(), alert_settings.comments()
    lines = [f"{_MADE} from config/alerts.toml: change that."]
    for name, value in values.items():
        shown = f'"{value}"' if isinstance(value, str) else alert_settings.text(value)
        lines += [f"# {said[name]}", f"{name}: {shown}"]
    return "\n".join(lines) + "\n"


def write(settings: Path, out: Path) -> list[Path]:
    """Write the rules, and take away what was made here and isn't any more. Raises AlertSettingsError."""
    values = alert_settings.load(settings, placeholders())
    shown = settings.relative_to(ROOT) if settings.is_relative_to(ROOT) else Path(settings.name)
    made = filled(values, str(shown))
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.yml"):
        if old.name not in made and old.read_text(encoding="utf-8").startswith(_MADE):
            old.unlink()
    for name, text in made.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in made]


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 for settings with mistakes, which are told on standard error."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.rules", description=__doc__)
    parser.add_argument("--settings", type=Path, help="a TOML file with what differs from config/alerts.toml")
    parser.add_argument("--out", type=Path, help="folder for the rules; config/rules unless there are other settings")
    wanted = parser.parse_args(arguments)
    if wanted.settings is not None and wanted.out is None:
        parser.error("--settings wants --out: config/rules is made from config/alerts.toml")
    try:
        written = write(wanted.settings or alert_settings.DEFAULTS, wanted.out or FILLED)
    except AlertSettingsError as error:
        print(error, file=sys.stderr)
        return 1
    if wanted.settings is None:
        CHART_SETTINGS.write_text(chart_settings(), encoding="utf-8")
    print(f"{len(written)} files of rules in {wanted.out or FILLED.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
