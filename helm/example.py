"""examples/sidecar.yaml: the example chart's objects as a plain manifest, for those without Helm.

Not here: the templates that it is made of (examples/application, and _sidecar.tpl of the gateway's chart).
Promise: real Helm renders it, so it is what the named templates give; a test compares.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import helm_python
import yaml

from helm.values import CHART

APPLICATION = CHART.parent / "examples" / "application"
MANIFEST = CHART.parent / "examples" / "sidecar.yaml"
RELEASE = "assistant"
_HEADER = """\
# An application with the gateway as a sidecar: a Deployment that asks each minute, and a Job that asks once and ends.
# The application uses Google's SDK; what is new to it is GOOGLE_GEMINI_BASE_URL.
#
#   kubectl create secret generic gemini --from-literal=api-key=YOUR_KEY
#   kubectl apply -f helm/examples/sidecar.yaml
#
# The two images are yours to name. Made by `make chart` from helm/examples/application, which does the same with Helm.
"""
_OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")


@contextmanager
def with_dependency(chart: Path = APPLICATION) -> Iterator[Path]:
    """A copy of a chart with the gateway's own among its dependencies, as `helm dependency build` leaves it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / chart.name
        shutil.copytree(chart, copy)
        shutil.copytree(CHART, copy / "charts" / CHART.name)
        yield copy


def manifest() -> str:
    """The text of examples/sidecar.yaml."""
    with with_dependency() as copy, helm_python.Chart.load(str(copy)) as chart:
        files = chart.render({}, name=RELEASE, namespace="default")
    found = [one for path, text in sorted(files.items()) if not path.endswith(".txt") for one in _objects(text)]
    found.sort(key=lambda one: ("ConfigMap", "Deployment", "Job").index(one["kind"]))
    text = yaml.dump_all(found, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return _HEADER + "---\n" + text


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for one in yaml.safe_load_all(text):
        if one:
            metadata = one["metadata"]
            metadata.pop("namespace", None)
            for label in _OF_HELM:
                metadata.get("labels", {}).pop(label, None)
            yield one


class _Dumper(yaml.SafeDumper):
    """Texts of many lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
