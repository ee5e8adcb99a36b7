"""Any chart through real Helm: its documents with where each came from, its notes, and what lint says.

Not here: the chart of this project as its own tests meet it (objects.py), whether Kubernetes takes it (validation.py).
Source: ecosystem.md 1. Promise: what Helm lets pass in silence is an error here: no chart at the path, a document
that is no object, a key or an object that is there twice.
"""

from __future__ import annotations

import atexit
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

Object = dict[str, Any]

KUBE_VERSION = "v1.31.0"
RELEASE, NAMESPACE = "rel", "prod"
WARNING = 2  # of lint's severities: 1 is a remark (no icon), 3 an error
_MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of libyaml, ten times as fast


class _StrictLoader(_Loader):  # type: ignore[misc]  # which of the two it is, is known at run time
    """YAML as Kubernetes reads it: a key that is there twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


@dataclass(frozen=True, slots=True)
class Document:
    """One object: the template that wrote it, such as `templates/hpa.yaml`, and what it says."""

    source: str
    content: Object

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.content["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Rendered:
    """What an install would bring: all objects, and the notes that people read."""

    documents: tuple[Document, ...]
    notes: str

    @property
    def objects(self) -> list[Object]:
        """The objects alone."""
        return [document.content for document in self.documents]

    def of_kind(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        return [document.content for document in self.documents if document.kind == kind]

    def one(self, kind: str, name: str | None = None) -> Object:
        """The object of that kind, and of that name where there are more. Raises ValueError where it isn't one."""
        (found,) = (one for one in self.of_kind(kind) if name in (None, one["metadata"]["name"]))
        return found


def render(
    chart: Path,
    values: Mapping[str, Any] | None = None,
    *,
    name: str = RELEASE,
    namespace: str = NAMESPACE,
    kube_version: str = KUBE_VERSION,
    api_versions: Sequence[str] = (),
) -> Rendered:
    """All documents of a release.

    api_versions: groups and kinds that the cluster knows beside Kubernetes' own; without them Helm knows of none.
    Raises HelmError for what Helm refuses, ValueError or YAMLError for what Kubernetes would.
    """
    options = {
        "name": name,
        "namespace": namespace,
        "kube_version": kube_version,
        "api_versions": list(api_versions),
    }
    text = _native.call_string("helm_render", _loaded(chart)._raw(), json.dumps(values or {}), json.dumps(options))
    files: dict[str, str] = json.loads(text)
    notes = [one for path, one in files.items() if path.endswith("NOTES.txt")]
    found: list[Document] = []
    for path, one in files.items():
        if not path.endswith("NOTES.txt"):
            source = path.partition("/")[2]
            found += [Document(source, content) for content in documents(one)]
    identities = [
        (one.content["apiVersion"], one.kind, one.content["metadata"].get("namespace"), one.name) for one in found
    ]
    twice = {one for one in identities if identities.count(one) > 1}
    if twice:
        raise ValueError(f"objects that are there twice: {sorted(map(str, twice))}")
    return Rendered(tuple(found), "\n".join(notes))


def documents(text: str) -> list[Object]:
    """The objects of a YAML file; empty documents are none. Raises ValueError for what is no object."""
    found = [one for one in yaml.load_all(text, _StrictLoader) if one is not None]
    for one in found:
        if not isinstance(one, dict) or not {"apiVersion", "kind", "metadata"} <= one.keys():
            raise ValueError(f"a document that is no object: {str(one)[:200]}")
    return found


def lint(chart: Path, values: Mapping[str, Any] | None = None, *, kube_version: str = KUBE_VERSION) -> list[str]:
    """Warnings and errors of `helm lint --strict`. Raises FileNotFoundError where there is no chart.

    A value that a template asks for by `required` is no error of lint; rendering tells it.
    """
    if not (chart / "Chart.yaml").exists():
        raise FileNotFoundError(f"no chart in {chart}")
    report = helm_python.lint(str(chart), dict(values or {}), strict=True, kube_version=kube_version)
    if report["total_charts_linted"] != 1:
        raise ValueError(f"Helm looked at {report['total_charts_linted']} charts: {report['errors']}")
    said = [f"{one['path']}: {one['error']}" for one in report["messages"] if one["severity"] >= WARNING]
    return said or [str(error) for error in report["errors"]]


@functools.cache
def _loaded(chart: Path) -> helm_python.Chart:
    if not (chart / "Chart.yaml").exists():
        raise FileNotFoundError(f"no chart in {chart}")
    loaded = helm_python.Chart.load(str(chart))
    atexit.register(loaded.close)
    return loaded
