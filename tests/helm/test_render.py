"""The harness says what Helm keeps to itself: shown on charts of a few lines."""

from __future__ import annotations

from pathlib import Path

import helm_python
import pytest
import yaml

from tests.helm.render import documents, lint, render

CHART = "apiVersion: v2\nname: tiny\nversion: 1.0.0\nkubeVersion: '>=1.30.0-0'\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart with one ConfigMap, a guarded object, nothing, and notes."""
    files = {
        "Chart.yaml": CHART,
        "values.yaml": "guarded: true\n",
        "values.schema.json": '{"properties": {"guarded": {"type": "boolean"}}}',
        "templates/a.yaml": MAP % '{{ .Release.Name }}-{{ .Release.Namespace | default "none" }}'
        + '---\n# nothing\n---\n{{ if .Capabilities.APIVersions.Has "some.example/v1" }}\n'
        + MAP % "guarded"
        + "{{ end }}",
        "templates/b.yaml": "{{ if not .Values.guarded }}\n" + MAP % "open" + "{{ end }}\n",
        "templates/NOTES.txt": "for {{ .Capabilities.KubeVersion.Version }}",
    }
    for name, text in files.items():
        path = tmp_path / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "tiny"


def test_documents_come_with_their_templates_and_notes_apart(chart: Path) -> None:
    rendered = render(chart, {"guarded": False}, name="r", namespace="n", kube_version="v1.33.0")

    assert [(one.source, one.kind, one.name) for one in rendered.documents] == [
        ("templates/a.yaml", "ConfigMap", "r-n"),
        ("templates/b.yaml", "ConfigMap", "open"),
    ]
    assert rendered.notes == "for v1.33.0"


def test_what_a_cluster_knows_is_told(chart: Path) -> None:
    assert {one.name for one in render(chart, api_versions=["some.example/v1"]).documents} == {"rel-prod", "guarded"}
    assert {one.name for one in render(chart).documents} == {"rel-prod"}


def test_the_schema_refuses_in_both(chart: Path) -> None:
    with pytest.raises(helm_python.HelmError, match="guarded"):
        render(chart, {"guarded": "no"})

    assert "guarded" in " ".join(lint(chart, {"guarded": "no"}))


def test_a_path_without_a_chart_is_an_error_in_both(tmp_path: Path) -> None:
    for way in (render, lint):
        with pytest.raises(FileNotFoundError):
            way(tmp_path)


def test_lint_says_nothing_of_a_good_chart_and_something_of_a_nil_pointer(chart: Path) -> None:
    assert lint(chart) == []

    (chart / "templates" / "b.yaml").write_text("a: {{ .Values.no.such }}\n", encoding="utf-8")
    assert "nil pointer" in lint(chart)[0]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        pytest.param("a: 1\na: 2\n", yaml.YAMLError, "key 'a' twice", id="a key twice"),
        pytest.param("- a\n", ValueError, "no object", id="a list"),
        pytest.param("kind: A\n", ValueError, "no object", id="half an object"),
    ],
)
def test_documents_that_kubernetes_would_refuse_are_refused(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        documents(text)


def test_an_object_that_is_there_twice_is_refused(chart: Path) -> None:
    (chart / "templates" / "b.yaml").write_text(MAP % "rel-prod", encoding="utf-8")

    with pytest.raises(ValueError, match="twice"):
        render(chart)
