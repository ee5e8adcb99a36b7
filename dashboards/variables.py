"""What people choose by, on top of a dashboard.

A variable stands on a dashboard if something there uses it. All but the data sources may be left alone: "All" is `.*`,
which matches also series without the label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.shapes import DATASOURCE
from gateway.telemetry import names

RUNBOOK = "docs/runbook"  # where its pages are; a site's own address is set in the dashboard, or by the chart

# `$name`, `${name}`, `${name:format}`; Grafana's own begin with two underscores.
USED = re.compile(r"\$\{?([a-z]\w*)")

_NAMESPACE = 'namespace=~"$namespace"'


def used(texts: Iterable[str]) -> set[str]:
    """Which variables stand in these texts."""
    return {name for text in texts for name in USED.findall(text)}


def _source(name: str, label: str, plugin: str, says: str) -> build.DatasourceVariable:
    return build.DatasourceVariable(name).label(label).type(plugin).description(says)


def _choice(name: str, label: str, query: str, says: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .description(says)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _runbook() -> build.TextBoxVariable:
    return (
        build.TextBoxVariable("runbook")
        .label("Runbook at")
        .description("Address of the folder with the runbook's pages, without a slash at its end.")
        .default_value(RUNBOOK)
        .current(model.VariableOption(selected=True, text=RUNBOOK, value=RUNBOOK))
    )


# In the order in which they stand on top.
VARIABLES: dict[str, Callable[[], Builder[model.VariableModel]]] = {
    "datasource": lambda: _source("datasource", "Metrics", "prometheus", "A Prometheus, or what speaks like one."),
    "traces": lambda: _source("traces", "Traces", "tempo", "A Tempo, for the links to traces."),
    "namespace": lambda: _choice(
        "namespace",
        "Namespace",
        f"label_values({names.BUILD_INFO.name}, namespace)",
        "Where the gateway runs; empty outside a cluster.",
    ),
    "instance": lambda: _choice(
        "instance",
        "Instance",
        f"label_values({names.BUILD_INFO.name}{{{_NAMESPACE}}}, instance)",
        "One gateway, with all its processes.",
    ),
    "model": lambda: _choice(
        "model",
        "Model",
        f"label_values({names.REQUESTS.name}{{{_NAMESPACE}}}, model)",
        "Model or agent; `none` is what asks for none, such as polls.",
    ),
    "team": lambda: _choice(
        "team",
        "Team",
        f"label_values({names.REQUESTS.name}{{{_NAMESPACE}}}, team)",
        "Who asked; empty unless the gateway's settings name teams (attribution.team).",
    ),
    "runbook": _runbook,
}


def needed(names_: Iterable[str]) -> list[Builder[model.VariableModel]]:
    """The variables of these names, in order, with those that they need themselves. KeyError for an unknown one."""
    wanted = {"datasource", *names_}
    if wanted & {"instance", "model", "team"}:
        wanted.add("namespace")
    if missing := wanted - set(VARIABLES):
        raise KeyError(f"no variable {', '.join(sorted(missing))}")
    return [make() for name, make in VARIABLES.items() if name in wanted]
