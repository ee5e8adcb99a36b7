"""The resolver of references resolves as Kubernetes says, and stops where Kubernetes would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helm.references import MissingReferenceError, Pod, environment, quantity, volumes, write_volume

OBJECTS: list[dict[str, Any]] = [
    {"kind": "ConfigMap", "metadata": {"name": "map"}, "data": {"A": "1", "B": "2"}},
    {"kind": "Secret", "metadata": {"name": "secret"}, "data": {"k": "aGlkZGVu"}, "stringData": {"s": "plain"}},
]


def pod(**container: Any) -> tuple[Pod, dict[str, Any]]:
    one = {"name": "c", "resources": {"limits": {"memory": "768Mi", "cpu": "1500m"}}, **container}
    metadata = {"labels": {"app": "x"}, "annotations": {"a/b": "c"}}
    return Pod({"metadata": metadata, "spec": {"containers": [one]}}, OBJECTS), one


@pytest.mark.parametrize(
    ("env", "value"),
    [
        ({"value": "a $(A) $$(A) $(none)"}, "a 1 $(A) $(none)"),
        ({}, ""),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}, "prod"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}, "x"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}}, "c"),
        ({"valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}, str(768 * 2**20)),
        ({"valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}}, "768"),
        ({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "c"}}}, "2"),
        ({"valueFrom": {"secretKeyRef": {"name": "secret", "key": "k"}}}, "hidden"),
        ({"valueFrom": {"secretKeyRef": {"name": "secret", "key": "s"}}}, "plain"),
        ({"valueFrom": {"configMapKeyRef": {"name": "map", "key": "B"}}}, "2"),
        ({"valueFrom": {"configMapKeyRef": {"name": "map", "key": "C", "optional": True}}}, None),
        ({"valueFrom": {"secretKeyRef": {"name": "none", "key": "C", "optional": True}}}, None),
    ],
)
def test_a_variable_is_what_its_source_says(env: dict[str, Any], value: str | None) -> None:
    found = environment(*pod(envFrom=[{"configMapRef": {"name": "map"}}], env=[{"name": "V", **env}]))

    assert found == {"A": "1", "B": "2"} | ({} if value is None else {"V": value})


@pytest.mark.parametrize(
    "source",
    [
        {"configMapKeyRef": {"name": "map", "key": "C"}},
        {"secretKeyRef": {"name": "none", "key": "k"}},
        {"fieldRef": {"fieldPath": "metadata.nothing"}},
        {"resourceFieldRef": {"resource": "requests.memory"}},
    ],
)
def test_what_is_not_there_stops_the_container(source: dict[str, Any]) -> None:
    with pytest.raises(MissingReferenceError):
        environment(*pod(env=[{"name": "V", "valueFrom": source}]))


def test_later_variables_go_over_earlier_ones_and_prefixes_hold() -> None:
    sources = [{"prefix": "P_", "configMapRef": {"name": "map"}}, {"secretRef": {"name": "none", "optional": True}}]

    assert environment(*pod(envFrom=sources, env=[{"name": "P_A", "value": "3"}])) == {"P_A": "3", "P_B": "2"}


@pytest.mark.parametrize(("text", "number"), [("500m", 0.5), ("2", 2), ("1Gi", 2**30), ("1k", 1000), (1, 1)])
def test_quantities(text: str, number: float) -> None:
    assert quantity(text) == number


def test_volumes_are_their_objects_keys_or_those_that_are_chosen() -> None:
    one, _ = pod()
    one.spec["volumes"] = [
        {"name": "all", "configMap": {"name": "map"}},
        {"name": "one", "configMap": {"name": "map", "items": [{"key": "A", "path": "a.txt"}]}},
        {"name": "hidden", "secret": {"secretName": "secret"}},
        {"name": "empty", "emptyDir": {}},
    ]

    assert volumes(one) == {
        "all": {"A": "1", "B": "2"},
        "one": {"a.txt": "1"},
        "hidden": {"k": "hidden", "s": "plain"},
        "empty": None,
    }


def test_a_volume_is_swapped_at_once(tmp_path: Path) -> None:
    write_volume(tmp_path / "v", {"a": "1"}, 0)
    write_volume(tmp_path / "v", {"a": "2", "b": "3"}, 1)

    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "v").glob("[ab]")} == {
        "a": "2",
        "b": "3",
    }
    assert (tmp_path / "v" / "a").readlink() == Path("..data/a")
    assert len(list((tmp_path / "v").glob("..2026*"))) == 1
