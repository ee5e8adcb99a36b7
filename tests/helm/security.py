"""The Pod Security Standard `restricted` as a table of rules over a rendered pod.

Not here: what else a pod should say. Source: Kubernetes' Pod Security Standards, profiles Baseline and Restricted
(1.30 and newer); kubernetes-validate knows shapes only, so these are written anew.
Promise: every container of every list is looked at, and what a container doesn't say is taken from the pod where
Kubernetes takes it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

Object = dict[str, Any]
Rule = Callable[[Object], bool]

VOLUMES: Final = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SYSCTLS: Final = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}  # fmt: skip
PROFILES: Final = {"RuntimeDefault", "Localhost"}
SELINUX_TYPES: Final = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

POD_RULES: Final[dict[str, Rule]] = {
    "no namespaces of the host": lambda pod: not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
    "volumes of allowed kinds only": lambda pod: all(
        set(volume) - {"name"} <= VOLUMES for volume in pod.get("volumes", [])
    ),
    "safe sysctls only": lambda pod: all(one["name"] in SYSCTLS for one in _context(pod).get("sysctls", [])),
    "no host process": lambda pod: not _context(pod).get("windowsOptions", {}).get("hostProcess"),
}
# Each gets a container whose securityContext is already over the pod's.
CONTAINER_RULES: Final[dict[str, Rule]] = {
    "not privileged": lambda one: not _context(one).get("privileged"),
    "no escalation": lambda one: _context(one).get("allowPrivilegeEscalation") is False,
    "not root": lambda one: _context(one).get("runAsNonRoot") is True,
    "no root user": lambda one: _context(one).get("runAsUser") != 0,
    "all capabilities dropped": lambda one: "ALL" in _context(one).get("capabilities", {}).get("drop", []),
    "no capability added": lambda one: (
        set(_context(one).get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"}
    ),
    "seccomp": lambda one: _context(one).get("seccompProfile", {}).get("type") in PROFILES,
    "apparmor": lambda one: _context(one).get("appArmorProfile", {"type": "RuntimeDefault"})["type"] in PROFILES,
    "selinux": lambda one: (
        _context(one).get("seLinuxOptions", {}).get("type", "") in SELINUX_TYPES
        and not {"user", "role"} & _context(one).get("seLinuxOptions", {}).keys()
    ),
    "proc is masked": lambda one: _context(one).get("procMount", "Default") == "Default",
    "no port of the host": lambda one: not any(port.get("hostPort") for port in one.get("ports", [])),
}
# Beyond the standard; what this project promises of its own containers.
OWN_RULES: Final[dict[str, Rule]] = {
    "root is read-only": lambda one: _context(one).get("readOnlyRootFilesystem") is True,
    "no CPU limit, memory limit": lambda one: set(one.get("resources", {}).get("limits", {})) == {"memory"},
    "requests": lambda one: set(one.get("resources", {}).get("requests", {})) == {"cpu", "memory"},
}
_INHERITED: Final = ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile", "appArmorProfile", "seLinuxOptions")


def broken_rules(pod: Object) -> set[str]:
    """What a pod's spec breaks of `restricted`: `pod: rule` or `container: rule`."""
    broken = {f"pod: {name}" for name, holds in POD_RULES.items() if not holds(pod)}
    for one in effective(pod):
        broken |= {f"{one['name']}: {name}" for name, holds in CONTAINER_RULES.items() if not holds(one)}
    return broken


def effective(pod: Object) -> Iterator[Object]:
    """Every container, with what it has from the pod in its own context."""
    inherited = {key: value for key, value in _context(pod).items() if key in _INHERITED}
    for list_name in ("initContainers", "containers", "ephemeralContainers"):
        for one in pod.get(list_name, []):
            yield {**one, "securityContext": {**inherited, **_context(one)}}


def _context(one: Object) -> Object:
    return one.get("securityContext") or {}
