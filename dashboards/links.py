"""Where a dashboard leads: to the other ones, to traces, to the runbook.

Not here: exemplars, which lead to their trace by the settings of the Prometheus data source (docs/dashboards.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

UIDS = {  # by what a dashboard is called
    "Overview": "interactions-overview",
    "Streaming latency": "interactions-streaming",
    "Tokens and cost": "interactions-cost",
    "Errors and anomalies": "interactions-errors",
    "Gateway health": "interactions-health",
}
TAG = "interactions-gateway"
ALERT_PREFIX = "InteractionsGateway"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a dashboard, a panel or a value. keeps: go on with the time and the variables that are chosen."""

    title: str
    url: str
    says: str = ""
    keeps: bool = False

    def built(self) -> build.DashboardLink:
        """The link as Grafana reads it."""
        link = build.DashboardLink(self.title).type(model.DashboardLinkType.LINK).url(self.url).tooltip(self.says)
        return link.keep_time(self.keeps).include_vars(self.keeps).target_blank(not self.keeps)


def to_dashboard(title: str) -> Link:
    """To another dashboard, in place."""
    return Link(title, f"/d/{UIDS[title]}", f"Go on to {title}", keeps=True)


def to_panel_of(title: str) -> Link:
    """From a panel to the dashboard that says more, with what is chosen."""
    return Link(title, f"/d/{UIDS[title]}?${{__url_time_range}}&${{__all_variables}}", f"Go on to {title}")


def to_runbook(page: str) -> Link:
    """To a page of docs/runbook: what the user feels, the first looks, what to do. page: an alert's name."""
    return Link("Runbook: what to do", f"${{runbook}}/{page}.md", page)


def to_traces(says: str, where: str) -> Link:
    """To the traces of the shown time that fit. where: TraceQL; what Grafana fills in may stand in it."""
    panes = {
        "traces": {
            "datasource": "${traces}",
            "queries": [
                {
                    "refId": "A",
                    "datasource": {"type": "tempo", "uid": "${traces}"},
                    "queryType": "traceql",
                    "query": where,
                    "limit": 20,
                }
            ],
            "range": {"from": "${__from}", "to": "${__to}"},
        }
    }
    # Grafana fills in `${…}` before anybody decodes the address, so those stay as they are.
    panes_text = quote(json.dumps(panes, separators=(",", ":")), safe="${}")
    return Link(says, f"/explore?schemaVersion=1&panes={panes_text}", where)
