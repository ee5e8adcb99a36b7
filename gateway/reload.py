"""Settings and prices read again while the gateway runs: when their file changes, and when it is asked for.

Not here: what becomes of them (telemetry), the process that asks for it on SIGHUP (supervisor.py).
Source: design.md 7.
Promise: off the path of records: files are looked at in a thread, some times a minute, and read there when they
changed. A file with a mistake changes nothing, and the log says every mistake of it. What can't change while the
gateway runs keeps its old value, and the log says that it wants a restart.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.lifeline import as_settings
from gateway.telemetry import pricing_file

if TYPE_CHECKING:
    from gateway.config import Settings

POLL_S = 2.0
SETTINGS = "settings"  # what is refused where the whole file is

Table = dict[str, Any]  # settings as JSON
Log = Callable[..., Any]  # level, event name, then fields


class Reloader:
    """Watches the files, and hands new settings to whoever reads them.

    table: the settings in force. sources: `config`, the file they are from, and `flags` that go over it.
    apply: by setting or section, who is told the new settings when it changed; raises ValueError to refuse them.
    done: told the settings in force after each reading, and whether the files are: that nothing in them was refused.
    """

    def __init__(
        self,
        table: Table,
        sources: Mapping[str, Any],
        apply: Mapping[str, Callable[[Settings], None]],
        done: Callable[[Table, bool], None],
        log: Log,
    ) -> None:
        self._table = table
        self._last = table  # as the file says, also what is not in force
        self._sources = sources
        self._apply = apply
        self._done = done
        self._log = log
        self._refused: set[str] = set()  # what the files want and didn't get
        self._asked = asyncio.Event()
        self._seen = self._look()

    def ask(self) -> None:
        """Read everything again, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), POLL_S)
            except TimeoutError:
                pass
            asked = self._asked.is_set()
            self._asked.clear()
            try:
                before, self._seen = self._seen, await asyncio.to_thread(self._look)
                changed = [asked or now != then for now, then in zip(self._seen, before, strict=True)]
                if any(changed):
                    await self._reload(settings=changed[0], prices=changed[1])
            except Exception as error:  # a bug here must not end the watching
                self._log("error", "reload_failed", kind=type(error).__name__)  # its text may quote a setting

    async def _reload(self, *, settings: bool, prices: bool) -> None:
        table, again = self._last, self._refused - {SETTINGS}
        if settings:
            try:
                table = await asyncio.to_thread(self._read)
            except ValueError as error:
                self._refuse(SETTINGS, error)
            else:
                self._refused.discard(SETTINGS)
            self._warn_of_others(table)
            self._last = table
            # Another price file may be named now. Looked at before it is read: a change after that is seen next time.
            self._seen = self._seen[0], (await asyncio.to_thread(self._look))[1]
        changed = {key for key in self._apply if _at(table, key) != _at(self._table, key)}
        changed |= again | ({"pricing"} if prices else set())
        taken = []
        for key in sorted(changed):
            wanted = _with(self._table, key, _at(table, key))
            try:
                self._apply[key](as_settings(wanted))
            except ValueError as error:
                self._refuse(key, error)
            else:
                self._refused.discard(key)
                self._table = wanted
                taken.append(key)
        in_force = not self._refused
        self._done(self._table, in_force)
        if in_force or taken:
            self._log("info", "reloaded", changed=taken)

    def _read(self) -> Table:
        """The settings as they are in the file now. Raises SettingsError, which is a ValueError."""
        from gateway.config_sources import load  # and pydantic with it, for who changes a file

        config = self._sources.get("config")
        settings = load(Path(config) if config else None, self._sources.get("flags"))
        table: Table = json.loads(settings.model_dump_json())
        return table

    def _look(self) -> tuple[object, object]:
        """What tells that the file of settings, or that of prices, is another one than before."""
        config = self._sources.get("config")
        prices = pricing_file.path(self._last["pricing"]["file"])
        return _signature(Path(config)) if config else None, _signature(prices)

    def _refuse(self, what: str, error: ValueError) -> None:
        self._refused.add(what)
        mistakes = [str(one) for one in getattr(error, "mistakes", [error])]
        self._log("error", "not_reloaded", what=what, mistakes=mistakes)

    def _warn_of_others(self, table: Table) -> None:
        others = [
            key
            for key in _changed_keys(self._last, table)
            if not any(key == known or key.startswith(f"{known}.") for known in self._apply)
        ]
        if others:
            self._log("warning", "restart_needed", settings=others)


def _signature(file: Path) -> object:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_dev


def _at(table: Table, key: str) -> Any:
    return functools.reduce(lambda inner, name: inner[name], key.split("."), table)


def _with(table: Table, key: str, value: Any) -> Table:
    name, _, rest = key.partition(".")
    return {**table, name: _with(table[name], rest, value) if rest else value}


def _changed_keys(old: Table, new: Table, prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in new.items():
        key, before = f"{prefix}{name}", old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            found += _changed_keys(before, value, f"{key}.")
        elif value != before:
            found.append(key)
    return found
