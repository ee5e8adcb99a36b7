"""What a container of a pod gets from elsewhere: its environment, command and volumes, resolved as the kubelet does.

Not here: starting it (containers.py).
Source: Kubernetes' API reference (EnvVar, EnvFromSource, ConfigMap and Secret volumes) and the kubelet's own order:
envFrom, then env, where $(NAME) means what was defined before.
Promise: what can't be resolved stops a container here too, by MissingReferenceError.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.helm.render import Object

_EXPRESSION = re.compile(r"\$\$|\$\(([A-Za-z_.\-][A-Za-z0-9_.\-]*)\)")
_SUFFIXES: Final = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"([0-9.]+)([A-Za-z]*)")
_BY_PATH = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class MissingReferenceError(Exception):
    """Something that a container refers to isn't there: Kubernetes would not start it."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as it would be scheduled: a template, the objects beside it, and what only a cluster knows.

    objects: ConfigMaps and Secrets that it may refer to, in its namespace.
    """

    template: Object
    objects: Sequence[Object]
    name: str = "gateway-7d9c6b5f4-x2x8k"
    namespace: str = "prod"
    uid: str = "0b6a3f0e-6f1f-4a53-9d0c-3c5c9d7f4f10"
    node: str = "node-1"
    ip: str = "127.0.0.1"

    @property
    def spec(self) -> Object:
        """Its spec."""
        spec: Object = self.template["spec"]
        return spec

    def container(self, name: str) -> Object:
        """The container of that name, of either list."""
        every = [*self.spec.get("initContainers", []), *self.spec["containers"]]
        (found,) = (one for one in every if one["name"] == name)
        return dict(found)

    def data(self, kind: str, name: str, *, optional: bool = False) -> dict[str, str]:
        """The keys of a ConfigMap or Secret, a Secret's decoded. Raises MissingReferenceError unless it is optional."""
        for one in self.objects:
            if one["kind"] == kind and one["metadata"]["name"] == name:
                coded = one.get("data") or {} if kind == "Secret" else {}
                plain = (one.get("stringData") if kind == "Secret" else one.get("data")) or {}
                return {**{key: base64.b64decode(value).decode() for key, value in coded.items()}, **plain}
        if optional:
            return {}
        raise MissingReferenceError(f"{kind} {name} is not there")

    def field(self, path: str) -> str:
        """What a fieldRef gives. Raises MissingReferenceError for a path that the API doesn't have."""
        metadata = self.template.get("metadata", {})
        if found := _BY_PATH.fullmatch(path):
            return str(metadata.get(found[1], {}).get(found[2], ""))
        known = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "spec.nodeName": self.node,
            "spec.serviceAccountName": self.spec.get("serviceAccountName", "default"),
            "status.podIP": self.ip,
            "status.hostIP": self.ip,
        }
        if path not in known:
            raise MissingReferenceError(f"no field {path}")
        return str(known[path])


def environment(pod: Pod, container: Object) -> dict[str, str]:
    """A container's variables, those of its image apart. Raises MissingReferenceError."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := source.get(key):
                data = pod.data(kind, reference["name"], optional=reference.get("optional", False))
                found |= {source.get("prefix", "") + name: value for name, value in data.items()}
    for one in container.get("env", []):
        value = _value(pod, container, one, found)
        if value is not None:
            found[one["name"]] = value
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """$(NAME) replaced where it is known, $$ made $."""
    return _EXPRESSION.sub(lambda one: "$" if one[0] == "$$" else variables.get(one[1], one[0]), text)


def quantity(text: str | float) -> float:
    """A quantity of resources as a number. Raises MissingReferenceError for what is none."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None or found[2] not in _SUFFIXES:
        raise MissingReferenceError(f"no quantity: {text}")
    return float(found[1]) * _SUFFIXES[found[2]]


def volumes(pod: Pod) -> dict[str, dict[str, str] | None]:
    """Each volume's files by name; None for one that is empty and may be written. Raises MissingReferenceError."""
    found: dict[str, dict[str, str] | None] = {}
    for one in pod.spec.get("volumes", []):
        if "configMap" in one:
            source, data = one["configMap"], pod.data("ConfigMap", one["configMap"]["name"])
        elif "secret" in one:
            source = one["secret"]
            data = pod.data("Secret", source["secretName"], optional=source.get("optional", False))
        elif "emptyDir" in one:
            found[one["name"]] = None
            continue
        else:
            raise MissingReferenceError(f"volume {one['name']}: {sorted(one)} is not known here")
        if items := source.get("items"):
            data = {item["path"]: data[item["key"]] for item in items}
        found[one["name"]] = data
    return found


def write_volume(folder: Path, data: Mapping[str, str], generation: int) -> None:
    """A volume's files as the kubelet writes them, or writes them anew: in a folder of their own, swapped at once."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"..2026_11_27_{generation:06d}"
    fresh.mkdir()
    for name, text in data.items():
        (fresh / name).write_text(text, encoding="utf-8")
    swap = folder / "..data_tmp"
    swap.symlink_to(fresh.name)
    old = (folder / "..data").resolve() if generation else None
    swap.replace(folder / "..data")
    for name in data:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    if old is not None:
        for path in old.iterdir():
            path.unlink()
        old.rmdir()


def _value(pod: Pod, container: Object, one: Mapping[str, Any], before: Mapping[str, str]) -> str | None:
    if "valueFrom" not in one:
        return expanded(str(one.get("value", "")), before)
    source = one["valueFrom"]
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if reference := source.get(key):
            optional = reference.get("optional", False)
            value = pod.data(kind, reference["name"], optional=optional).get(reference["key"])
            if value is None and not optional:
                raise MissingReferenceError(f"{kind} {reference['name']} has no key {reference['key']}")
            return value
    if "fieldRef" in source:
        return pod.field(source["fieldRef"]["fieldPath"])
    reference = source["resourceFieldRef"]
    name = reference.get("containerName")
    resources = (pod.container(name) if name else container).get("resources", {})
    kind, _, resource = reference["resource"].partition(".")
    if resource not in resources.get(kind, {}):
        raise MissingReferenceError(f"{reference['resource']} is not set: the node's own would be taken")
    return str(math.ceil(quantity(resources[kind][resource]) / quantity(reference.get("divisor") or "1")))
