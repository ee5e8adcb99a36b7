"""The chart ships the settings that docs/scale.md derives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.bench.processes import ROOT
from tests.scale.defaults import DEFAULTS
from tests.scale.hpa import Rules

VALUES = ROOT / "helm" / "interactions-gateway" / "values.yaml"


def values(path: Path = VALUES) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def behavior(rules: Rules) -> dict[str, Any]:
    """As the autoscaler's object has it."""
    return {
        "stabilizationWindowSeconds": rules.window_s,
        "policies": [
            {"type": policy.kind, "value": policy.value, "periodSeconds": policy.period_s} for policy in rules.policies
        ],
    }


def test_the_autoscaler_is_the_derived_one() -> None:
    scaling = values()["autoscaling"]

    assert {name: scaling[name] for name in ("minReplicas", "maxReplicas", "cpuPercent", "behavior")} == {
        "minReplicas": DEFAULTS.least,
        "maxReplicas": DEFAULTS.most,
        "cpuPercent": DEFAULTS.utilization,
        "behavior": {"scaleUp": behavior(DEFAULTS.up), "scaleDown": behavior(DEFAULTS.down)},
    }


def test_requests_and_drain_are_the_derived_ones() -> None:
    found = values()

    assert found["resources"]["requests"]["cpu"] == f"{DEFAULTS.request_core * 1000:.0f}m"
    assert found["resources"]["limits"] == {"memory": f"{DEFAULTS.memory_limit_mib}Mi"}
    assert found["config"]["grace_period_s"] == DEFAULTS.grace_s
    assert found["terminationGracePeriodSeconds"] is None  # the sleep, the grace and 15 more
    assert found["preStopSleepSeconds"] + DEFAULTS.grace_s + 15 == DEFAULTS.termination_s
