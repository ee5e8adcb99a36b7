"""docs/dashboards.md: what the dashboards are, how they get into a Grafana, and every panel with its words.

Made by `python -m dashboards`, since a list of panels that is written by hand is soon a lie.
"""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.board import Board
from dashboards.panels import Panel

_HEAD = """\
# Dashboards

Five, made for Grafana 11 and a Prometheus that scrapes the gateway. They are written in Python (`dashboards/`), and
`make dashboards` makes `dashboards/json`, the chart's copy of it, and this page; `tests/dashboards/test_files.py` holds
all of it to the code. None of them needs a recording rule. The pictures are two minutes of simulated traffic with some
faults in it, drawn by `make pictures`.

{dashboards}

## Into a Grafana

**By hand.** Dashboards, New, Import, and one of `dashboards/json/*.json`; choose the Prometheus on top.

**By a folder.** `config/stack` does so: a provider of type `file` for `dashboards/json`.

```yaml
apiVersion: 1
providers:
  - name: interactions-gateway
    folder: Interactions Gateway
    type: file
    options:
      path: /var/lib/grafana/dashboards
```

**By the chart.** It puts each file into a ConfigMap with the label that Grafana's sidecar looks for; its values say
which label, and whether.

The Prometheus data source must know how often it scrapes (*Scrape interval*, `timeInterval`): `$__rate_interval` is
four times that. Dots on the latency panels lead to traces where it has `exemplarTraceIdDestinations` with the name
`trace_id`, where Prometheus keeps exemplars (`--enable-feature=exemplar-storage`), and the gateway exports spans.

```yaml
datasources:
  - name: Prometheus
    type: prometheus
    url: http://prometheus:9090
    jsonData:
      timeInterval: 15s
      exemplarTraceIdDestinations:
        - name: trace_id
          datasourceUid: traces
```

## What can be chosen

| on top | what it does |
|---|---|
| Metrics | the Prometheus |
| Traces | a Tempo, for links that look for traces by TraceQL; dots on panels lead to any store |
| Namespace, Instance | where the gateway runs; *All* also where series have no such label |
| Model, Team | narrows every panel whose families have the label; a panel whose don't says so |
| Runbook at | the folder of the runbook's pages, as an address that a browser can open |

Links between dashboards keep the time and what is chosen.

## How to read them

- The first row says whether it is all right: green, amber, red. The rest says where to look.
- *None* or 0 means that none was seen, which is known. *No data* means that no gateway is scraped: nothing is known.
- Graphs are rates over `$__rate_interval`. A series that begins with its first exchange, such as a new error code, is
  not seen by a rate before its second; **totals see it**: they add the first value of each series that began in their
  window. So a single error is in the table and not in the graph.
- Totals are `increase()`, which extrapolates to the edges of its window: of few events they may be off by a fraction.
  The log has the exact figure. Windows slide: 24 h are no calendar day. For the month choose *This month so far*.
- *Amber* and *red* are the alerts' own figures where there is an alert ([alerts.toml](../config/alerts.toml)); after a
  change of them, `make dashboards`.
- Figures over 30 days read 30 days of every series, at each refresh. With hundreds of replicas let a recording rule add
  them up first.
- A gateway that Prometheus begins to scrape late counts, in totals, with all that it had counted by then.
- Cost is a lower bound while tokens have no price or ends no usage; the dashboards show both beside it
  ([cost.md](cost.md)). How odd cases count is in [counting.md](counting.md), the phases are in [time.md](time.md).

Proof: `tests/dashboards/test_structure.py` (ids, places, variables, units, words, links) and
`tests/dashboards/test_queries.py` (every series, label and value that a query names exists; Prometheus can read it).
"""


def page(boards: Iterable[Board]) -> str:
    """The page. boards: in the order in which people look at them."""
    boards = tuple(boards)
    summary = _table(
        ("dashboard", "uid", "for"), ((f"[{b.title}](#{_anchor(b.title)})", f"`{b.uid}`", b.says) for b in boards)
    )
    return "\n\n".join([_HEAD.format(dashboards=summary).rstrip(), *map(_section, boards)]) + "\n"


def _section(board: Board) -> str:
    rows = (
        (row.title, panel.title, panel.shape.value, _limits(panel), board.described(panel))
        for row in board.rows
        for panel in row.panels
    )
    picture = f"![{board.title}](dashboards/{board.uid}.png)"
    table = _table(("row", "panel", "as", "amber, red", "says"), rows)
    return f"## {board.title}\n\n{board.says}\n\n{picture}\n\n{table}"


def _limits(panel: Panel) -> str:
    if panel.limits is None:
        return ""
    first, second = (f"{limit:g}" for limit in panel.limits)
    if panel.falling:
        return f"< {second}, < {first}" if first != second else f"-, < {first}"
    return f"≥ {first}, ≥ {second}" if first != second else f"-, ≥ {second}"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
