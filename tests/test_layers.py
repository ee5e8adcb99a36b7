"""Who may import whom: design.md's layers as a table, read from the source, and seen in running processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parent.parent / "gateway"

# Part: what it may import of ours (besides itself). An entry point plugs things together; nothing imports it.
ALLOWED: dict[str, set[str]] = {
    "wire": set(),
    "records": {"wire"},
    "encoding": {"records", "wire"},
    "addresses": set(),
    "capture": set(),
    "patterns": set(),
    "config_values": {"addresses", "capture", "patterns"},
    "config": {"addresses", "capture", "config_values"},
    "config_sources": {"config"},
    "settings_page": {"config", "config_sources"},
    "keys": set(),
    "proxy": {"capture", "config", "encoding", "keys", "records", "tally", "wire"},
    "telemetry": {"capture", "config", "patterns", "records", "wire"},
    "admin": {"config", "telemetry"},
    "simulator": set(),
    "demo": {"config", "simulator"},
    "logs": {"config"},
    "loops": set(),
    "loop_lag": {"records"},
    "tally": {"loop_lag", "records"},
    "lifeline": {"config"},
    "reload": {"config", "config_sources", "lifeline", "telemetry"},
    "sockets": {"addresses"},
    "children": set(),
    "rolling": {"children"},
    "memory": {"children"},
    "supervisor": {"addresses", "children", "memory", "rolling", "sockets"},
    "forwarder": {"lifeline", "logs", "loop_lag", "loops", "proxy", "sockets", "tally"},
    "observer": {
        *("admin", "encoding", "lifeline", "logs", "loop_lag", "loops", "records", "reload", "sockets", "telemetry"),
    },
    "embed": {"admin", "config", "config_sources", "loop_lag", "proxy", "records", "tally", "telemetry"},
    "cli": {"addresses", "config", "config_sources", "demo", "keys", "simulator", "telemetry"},
    "__init__": {"embed"},
}

# Part: what it may import of others, standard library included. Parts that aren't named may import any dependency.
PURE = {"__future__", "abc", "bisect", "collections", "dataclasses", "enum", "functools", "itertools", "json", "math"}
PURE |= {"orjson", "re", "struct", "typing", "urllib"}
STANDARD = set(sys.stdlib_module_names)
ONLY: dict[str, set[str]] = {
    "wire": PURE,
    "records": PURE,
    "encoding": PURE | {"hashlib", "operator"},
    "addresses": STANDARD,
    "capture": STANDARD,
    "patterns": STANDARD,
    "sockets": STANDARD,
    "children": STANDARD,
    "rolling": STANDARD,
    "memory": STANDARD,
    "supervisor": STANDARD,
    "keys": STANDARD,
    "config_values": STANDARD | {"pydantic"},
    "config": STANDARD | {"pydantic"},
    "config_sources": STANDARD | {"pydantic"},
    "settings_page": STANDARD,
    "lifeline": STANDARD,
    "cli": STANDARD,
    "simulator": STANDARD | {"h11"},
    "__init__": STANDARD,
}

NEVER: dict[str, set[str]] = {
    "proxy": {"opentelemetry", "prometheus_client"},
    "forwarder": {"opentelemetry", "prometheus_client"},
    "telemetry": {"aiohttp", "asyncio", "prometheus_client"},
    "demo": {"opentelemetry", "prometheus_client"},
}

# A process's entry point: what must not be loaded in it, whoever would have pulled it in.
HEAVY = {
    "aiohttp",
    "asyncio",
    "google",
    "opentelemetry",
    "orjson",
    "prometheus_client",
    "pydantic",
    "structlog",
    "uvloop",
}
NOT_LOADED = {
    "gateway": HEAVY,
    "gateway.supervisor": HEAVY,
    "gateway.forwarder": {"opentelemetry", "prometheus_client", "pydantic", "gateway.telemetry", "gateway.simulator"},
    "gateway.observer": {"opentelemetry", "prometheus_client", "pydantic", "gateway.proxy", "gateway.simulator"},
    "gateway.cli": {"aiohttp", "opentelemetry", "prometheus_client", "gateway.simulator", "gateway.proxy"},
    "gateway.simulator.server": {"aiohttp", "orjson", "gateway.wire", "gateway.records", "gateway.config"},
}


def part_of(file: Path) -> str:
    return file.relative_to(GATEWAY).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every imported module, wherever in the file it is imported, `from gateway import x` as gateway.x."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: say in full where it comes from"
            module = node.module or ""
            names = [f"gateway.{alias.name}" for alias in node.names] if module == "gateway" else [module]
            yield from ((name, node.lineno) for name in names)


FILES = sorted(GATEWAY.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(GATEWAY)))
def test_imports_point_the_way_the_table_says(file: Path) -> None:
    part = part_of(file)
    wrong = []
    for name, line in imports(file):
        top, _, rest = name.partition(".")
        if top == "gateway":
            other = rest.partition(".")[0]
            allowed = ALLOWED[part] | {part, "__version__"}
            if other not in allowed:
                wrong.append(f"line {line}: {part} imports {name}")
        elif top not in ONLY.get(part, {top}) or top in NEVER.get(part, set()):
            wrong.append(f"line {line}: {part} imports {name}")

    assert wrong == []


def test_every_part_is_in_the_table_and_every_row_has_its_part() -> None:
    assert {part_of(file) for file in FILES} == set(ALLOWED)


@pytest.mark.parametrize("module", NOT_LOADED)
def test_a_process_loads_only_what_it_needs(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {part for name in done.stdout.split() for part in (name, name.partition(".")[0])}

    assert loaded & NOT_LOADED[module] == set()


@pytest.mark.parametrize(
    "module", ["gateway.config", "gateway.cli", "gateway.supervisor", "gateway.proxy.app", "gateway.telemetry.pipeline"]
)
def test_nothing_happens_at_import(module: str) -> None:
    """No output, no thread, no socket, no environment read that could fail."""
    code = (
        f"import {module}, os, threading; "
        "sockets = [fd for fd in os.listdir('/proc/self/fd') if 'socket' in os.path.realpath(f'/proc/self/fd/{fd}')]; "
        "print(threading.active_count(), len(sockets))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "INTERACTIONS_GATEWAY_WORKERS": "nonsense", "OTEL_TRACES_EXPORTER": "nonsense"},
        stdin=subprocess.DEVNULL,
    )

    assert (done.stdout, done.stderr) == ("1 0\n", "")
