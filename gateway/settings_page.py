"""The page of all settings, made from their description: `python -m gateway.settings_page` writes it.

Not here: any setting (config.py). Promise: the same settings give the same page; a test holds docs/settings.md to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway.config import CONFIG_VARIABLE, Section, Settings
from gateway.config_sources import Key, as_toml, leaves, variable

# Settings and sections whose change is seen while the gateway runs; telemetry says so too, and a test compares.
LIVE = (
    *("pricing", "budgets", "labels", "attribution.team_names", "log.level", "traces.keep_ratio", "traces.keep_errors"),
    *("traces.keep_stalls", "traces.keep_slower_than_s", "traces.keep_costlier_than_usd"),
    *("traces.keep_first_delta_slower_than_s", "traces.keep_models", "traces.keep_teams"),
    *("traces.early_export_after_s", "spans.detail"),
)
EXAMPLE: Key = ("proxy", "connect_timeout_s")

_TITLE = f"""\
# Settings

Made by `make docs` from `gateway/config.py`; `tests/test_settings_page.py` holds it to the code. Without any setting
`interactions-gateway serve` forwards to the public API and listens on loopback.

A setting comes from a TOML file (`--config FILE`, or the variable `{CONFIG_VARIABLE}`), then from the
environment, then from a flag (`--listen`, `--admin`, `--upstream`, `--workers`); the later wins. Its variable is the
prefix, the section and the name, with two underscores between the last: `{variable(EXAMPLE)}`.
A list is separated by commas there; what has another form says so.

`interactions-gateway check-config` prints what is in force, secrets cut out, or one line for each mistake: the setting,
its value, where it came from, what is allowed. An unknown name is a mistake too.

A change to a setting with *live* in its row takes effect within seconds of the file's change, and on SIGHUP. Others
want a restart; the log says so (`restart_needed`). A file with a mistake changes nothing (`not_reloaded`).

What is exported where, and the resource that spans and metrics carry, is told by the standard `OTEL_*` variables
([traces.md](traces.md), [telemetry.md](telemetry.md))."""


_NOTES = {
    "proxy": """\
Connections to the upstream resume their TLS session, so that a new one costs a fifth to a third less CPU and no
certificate check; there is a full handshake at least once an hour. With `spare_connections` a stream that finds one
waits for no handshake. They are renewed at their idle time, so they cost that many handshakes each 30 seconds also at
rest. New connections are opened eight at a time, so that a burst of them holds no open stream up. The upstream's name
is looked up anew every 30 seconds while it is used; open connections stay."""
}


def page() -> str:
    """The page, as it is in docs/settings.md."""
    return "\n\n".join([_TITLE, *(_section(key) for key in dict.fromkeys(key[:-1] for key, _, _ in leaves()))]) + "\n"


def _section(section: Key) -> str:
    if not section:
        return f"## Top level\n\n{_table(section)}"
    model = Settings.model_fields[section[0]].annotation
    assert isinstance(model, type)
    assert issubclass(model, Section)
    notes = [_NOTES[section[0]]] if section[0] in _NOTES else []
    return "\n\n".join([f"## [{'.'.join(section)}]", str(model.__doc__), _table(section), *notes])


def _table(section: Key) -> str:
    lines = [("setting", "default", "allowed", "says", ""), ("---",) * 5, *_rows(section)]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")


def _rows(section: Key) -> Iterator[tuple[str, ...]]:
    defaults = Settings()
    for key, doc, allowed in leaves():
        if key[:-1] == section:
            yield f"`{key[-1]}`", _default(defaults, key), allowed, doc, "live" if is_live(key) else ""


def is_live(key: Key) -> bool:
    """Whether its change needs no restart."""
    name = ".".join(key)
    return any(name == one or name.startswith(f"{one}.") for one in LIVE)


def _default(defaults: Settings, key: Key) -> str:
    value: object = defaults
    for name in key:
        value = getattr(value, name)
    if value in (None, ()):
        return "none"
    return f"`{as_toml(list(value) if isinstance(value, tuple) else value)}`"


if __name__ == "__main__":
    sys.stdout.write(page())
