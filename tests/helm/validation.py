"""Whether Kubernetes takes an object: values and unknown keys, of built-in kinds and of custom resources.

Not here: rendering (render.py), what an object should say.
Source: ecosystem.md 1. Built-in kinds go against Kubernetes' own schemas of a version. Custom resources go against
their definitions for values, and through the TypeScript compiler for keys, since the definitions let unknown ones pass.
Promise: a kind that no schema is known for is an error.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import kubernetes_validate.utils

from tests.helm.render import Object

JS: Final = Path(__file__).parent / "js"
MODULES: Final = {
    "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator",
    "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api",
}
TIMEOUT_S: Final = 60.0
TSC_FLAGS: Final = ("--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext")
# Megabytes of schemas, which it would read anew for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
_FOUND = re.compile(r"^c(\d+)\.ts\(\d+,\d+\): error \w+: (.*)$", re.MULTILINE)


def is_custom(document: Object) -> bool:
    """Whether it is of a kind that Kubernetes has not by itself."""
    return str(document["apiVersion"]) in MODULES


def builtin_problem(document: Object, version: str) -> str | None:
    """What that version of Kubernetes has against an object of a built-in kind.

    version: such as "1.31". Raises SchemaNotFoundError for a kind that it doesn't have.
    """
    return _builtin_problem(json.dumps(document, sort_keys=True), version)


@functools.cache
def _builtin_problem(text: str, version: str) -> str | None:
    try:
        kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return None


def custom_problems(found: Mapping[str, Object], folder: Path) -> dict[str, list[str]]:
    """What is wrong with custom resources, by the names that they are given here.

    found: all at once, since the tools start slowly. folder: an empty one, to compile in.
    Raises KeyError for a group without definitions.
    """
    modules = {place: _module(document) for place, document in found.items()}
    problems: dict[str, list[str]] = {}
    asked = {place: {"module": modules[place], "document": document} for place, document in found.items()}
    done = subprocess.run(
        ["node", str(JS / "check.mjs")], input=json.dumps(asked), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    for place, message in json.loads(done.stdout).items():
        problems.setdefault(place, []).append(message)

    places = list(found)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "node_modules").symlink_to((JS / "node_modules").absolute())
    for number, place in enumerate(places):
        kind = found[place]["kind"]
        text = f'import type {{I{kind}}} from "{modules[place]}";\n'
        text += f"export const document: I{kind} = {json.dumps(found[place], indent=1)};\n"
        (folder / f"c{number}.ts").write_text(text, encoding="utf-8")
    compiler = JS / "node_modules" / ".bin" / "tsc"
    command = [str(compiler), *TSC_FLAGS, *(f"c{number}.ts" for number in range(len(places)))]
    compiled = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    told = _FOUND.findall(compiled.stdout)
    if bool(compiled.returncode) != bool(told):
        raise RuntimeError(f"tsc ended with {compiled.returncode}: {compiled.stdout}{compiled.stderr}")
    for number, message in told:
        problems.setdefault(places[int(number)], []).append(message)
    return problems


def _module(document: Mapping[str, Any]) -> str:
    group = str(document["apiVersion"])
    return f"{MODULES[group]}/{group}/{document['kind']}"
